//! Statements: those that are followed, and what is known of the others.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::convert::{Converter, line_of};
use super::tree::{Expr, ExprKind, NotFollowed, Statement, StatementKind, SyntaxFault};

/// Methods that change a list or a dictionary.
const CHANGING: [&str; 11] = [
    "add",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// Words of code that does something with data.
const WORDS_OF_DATA: [&str; 7] = [
    "spark",
    "glueContext",
    "write",
    "getSink",
    "Frame",
    ".sql(",
    "TempView",
];

impl Converter<'_> {
    pub(super) fn statement(&mut self, node: Node<'_>) -> Result<Option<Statement>, SyntaxFault> {
        let kind = self.nested(node, |this| this.statement_kind(node))?;
        Ok(kind.map(|kind| Statement {
            line: line_of(node),
            kind,
        }))
    }

    fn statement_kind(&mut self, node: Node<'_>) -> Result<Option<StatementKind>, SyntaxFault> {
        Ok(Some(match node.kind() {
            "comment" => return Ok(None),
            "expression_statement" => match node.named_child(0) {
                Some(inner) if inner.kind() == "assignment" => self.assignment(inner)?,
                Some(inner) if inner.kind() == "augmented_assignment" => {
                    let target = self.field(inner, "left")?;
                    let op = self.operator(inner);
                    StatementKind::Assign {
                        value: Expr {
                            line: target.line,
                            kind: ExprKind::Binary {
                                op: op.trim_end_matches('=').to_owned(),
                                left: Box::new(target.clone()),
                                right: Box::new(self.field(inner, "right")?),
                            },
                        },
                        target,
                    }
                }
                Some(inner) => StatementKind::Expr(self.expr(inner)?),
                None => return Ok(None),
            },
            "function_definition" | "for_statement" | "with_statement" if is_async(node) => {
                self.not_followed(node, "`async`")?
            }
            "function_definition" => self.function(node)?,
            "decorated_definition" => self.not_followed(node, "a definition with a decorator")?,
            "class_definition" => self.not_followed(node, "a class")?,
            "return_statement" => StatementKind::Return(match node.named_child(0) {
                Some(value) => Some(self.expr(value)?),
                None => None,
            }),
            "for_statement" if leaves_loop(node) => {
                self.not_followed(node, "a loop with `break`, `continue` or `else`")?
            }
            "for_statement" => StatementKind::For {
                target: self.field(node, "left")?,
                iterable: self.field(node, "right")?,
                body: self.block(node.child_by_field_name("body"))?,
                assigns: self.assigned(node),
            },
            "if_statement" => self.if_statement(node)?,
            "with_statement" => self.with_statement(node)?,
            "try_statement" => self.try_statement(node)?,
            "global_statement" => {
                let mut cursor = node.walk();
                let names = node.named_children(&mut cursor);
                StatementKind::Global(names.map(|name| self.source(name).to_owned()).collect())
            }
            "import_statement"
            | "import_from_statement"
            | "future_import_statement"
            | "pass_statement"
            | "assert_statement"
            | "raise_statement" => StatementKind::Other,
            // A piece of a line that is not Python, which has a line of its own.
            kind if !kind.ends_with("_statement") => StatementKind::Other,
            kind => {
                let word = kind.trim_end_matches("_statement");
                self.not_followed(node, &format!("`{word}`"))?
            }
        }))
    }

    /// What is known of a statement that is not followed.
    fn not_followed(&mut self, node: Node<'_>, what: &str) -> Result<StatementKind, SyntaxFault> {
        let assigns = self.assigned(node);
        let source = self.source(node);
        let has_words = WORDS_OF_DATA.iter().any(|word| source.contains(word));
        let is_definition = node.kind().ends_with("_definition");
        let is_deleting = node.kind() == "delete_statement";
        let mut body = Vec::new();
        self.bodies(node, &mut body)?;
        Ok(StatementKind::NotFollowed(NotFollowed {
            what: what.to_owned(),
            concerns_data: has_words || !is_definition && !is_deleting && !assigns.is_empty(),
            assigns,
            body,
            // Errors are taken not to happen.
            may_return: !is_definition && !node.kind().starts_with("except"),
        }))
    }

    /// The statements in the blocks of a statement, one block after the other.
    fn bodies(&mut self, node: Node<'_>, found: &mut Vec<Statement>) -> Result<(), SyntaxFault> {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            match child.kind() {
                "block" if node.kind() == "class_definition" => {
                    let mut members = child.walk();
                    for member in child.named_children(&mut members) {
                        self.nested(member, |this| this.bodies(member, found))?;
                    }
                }
                "block" => found.extend(self.block(Some(child))?),
                _ => self.nested(child, |this| this.bodies(child, found))?,
            }
        }
        Ok(())
    }

    /// The names that a statement may assign or change.
    fn assigned(&self, node: Node<'_>) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            match at.kind() {
                "function_definition" | "class_definition" => {
                    names.extend(at.child_by_field_name("name").map(|name| self.source(name)));
                    continue;
                }
                "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause" => {
                    names.extend(self.targets(at.child_by_field_name("left")));
                }
                "named_expression" => names.extend(self.targets(at.child_by_field_name("name"))),
                "as_pattern" => names.extend(self.targets(at.child_by_field_name("alias"))),
                "delete_statement" | "case_pattern" | "nonlocal_statement" => {
                    names.extend(self.targets(Some(at)));
                }
                "call" => {
                    let function = at.child_by_field_name("function");
                    let method = function.and_then(|call| call.child_by_field_name("attribute"));
                    if method.is_some_and(|name| CHANGING.contains(&self.source(name))) {
                        let of = function.and_then(|call| call.child_by_field_name("object"));
                        names.extend(self.targets(of));
                    }
                }
                _ => {}
            }
            let mut cursor = at.walk();
            open.extend(at.named_children(&mut cursor));
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// The variables in a target: `a` of `a`, `a.b` and `a[0]`.
    fn targets(&self, target: Option<Node<'_>>) -> Vec<&str> {
        let mut names = Vec::new();
        let mut open: Vec<Node<'_>> = target.into_iter().collect();
        while let Some(at) = open.pop() {
            match at.kind() {
                "identifier" => names.push(self.source(at)),
                "attribute" => open.extend(at.child_by_field_name("object")),
                "subscript" => open.extend(at.child_by_field_name("value")),
                _ => {
                    let mut cursor = at.walk();
                    open.extend(at.named_children(&mut cursor));
                }
            }
        }
        names
    }

    /// `a = b = value` assigns the value to `b`, and `b` to `a`.
    fn assignment(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        let Some(right) = node.child_by_field_name("right") else {
            return Ok(StatementKind::Other);
        };
        let target = self.field(node, "left")?;
        if right.kind() != "assignment" {
            let value = self.expr(right)?;
            return Ok(StatementKind::Assign { target, value });
        }
        let line = line_of(node);
        let inner = self.nested(right, |this| this.assignment(right))?;
        let value = self.field(right, "left")?;
        let outer = StatementKind::Assign { target, value };
        let block = [inner, outer].map(|kind| Statement { line, kind });
        Ok(StatementKind::Block(block.into()))
    }

    fn function(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        let name = node.child_by_field_name("name");
        let mut params = Vec::new();
        if let Some(list) = node.child_by_field_name("parameters") {
            let mut cursor = list.walk();
            for param in list.named_children(&mut cursor) {
                let default = match param.child_by_field_name("value") {
                    Some(value) => Some(self.expr(value)?),
                    None => None,
                };
                let name = param.child_by_field_name("name");
                let name = name.or_else(|| match param.kind() {
                    "typed_parameter" => param.named_child(0),
                    _ => Some(param),
                });
                if param.kind() != "comment" {
                    let name = name.map_or("", |name| self.source(name));
                    params.push((name.to_owned(), default));
                }
            }
        }
        Ok(StatementKind::Function {
            name: name.map_or("", |name| self.source(name)).to_owned(),
            params,
            body: self.block(node.child_by_field_name("body"))?,
        })
    }

    fn if_statement(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        let mut cursor = node.walk();
        let clauses: Vec<Node<'_>> = node
            .children_by_field_name("alternative", &mut cursor)
            .collect();
        // From the last: each `elif` is an `if` in what is otherwise done.
        let mut otherwise = Vec::new();
        for clause in clauses.into_iter().rev() {
            otherwise = match clause.kind() {
                "elif_clause" => vec![Statement {
                    line: line_of(clause),
                    kind: StatementKind::If {
                        condition: self.field(clause, "condition")?,
                        then: self.block(clause.child_by_field_name("consequence"))?,
                        otherwise,
                    },
                }],
                _ => self.block(clause.child_by_field_name("body"))?,
            };
        }
        Ok(StatementKind::If {
            condition: self.field(node, "condition")?,
            then: self.block(node.child_by_field_name("consequence"))?,
            otherwise,
        })
    }

    /// The body is followed; what `as` names is not known.
    fn with_statement(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        let line = line_of(node);
        let mut statements = Vec::new();
        let body = node.child_by_field_name("body");
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if Some(child) == body {
                continue;
            }
            statements.extend(self.assigned(child).into_iter().map(|name| {
                let expr = |kind| Expr { line, kind };
                Statement {
                    line,
                    kind: StatementKind::Assign {
                        target: expr(ExprKind::Name(name)),
                        value: expr(ExprKind::Other("with".to_owned())),
                    },
                }
            }));
        }
        statements.extend(self.block(body)?);
        Ok(StatementKind::Block(statements))
    }

    /// The body is taken to succeed; what handles errors is not followed.
    fn try_statement(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        let mut statements = self.block(node.child_by_field_name("body"))?;
        let mut cursor = node.walk();
        for clause in node.named_children(&mut cursor) {
            match clause.kind() {
                "except_clause" | "except_group_clause" => statements.push(Statement {
                    line: line_of(clause),
                    kind: self.not_followed(clause, "`except`")?,
                }),
                "else_clause" | "finally_clause" => self.bodies(clause, &mut statements)?,
                _ => {}
            }
        }
        Ok(StatementKind::Block(statements))
    }

    fn block(&mut self, node: Option<Node<'_>>) -> Result<Vec<Statement>, SyntaxFault> {
        let Some(node) = node else {
            return Ok(Vec::new());
        };
        let mut statements = Vec::new();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            statements.extend(self.statement(child)?);
        }
        Ok(statements)
    }
}

fn is_async(node: Node<'_>) -> bool {
    node.child(0).is_some_and(|first| first.kind() == "async")
}

/// Whether a loop may end, or begin its next turn, within its body.
fn leaves_loop(node: Node<'_>) -> bool {
    if node.child_by_field_name("alternative").is_some() {
        return true;
    }
    let mut open: Vec<Node<'_>> = node.child_by_field_name("body").into_iter().collect();
    while let Some(at) = open.pop() {
        match at.kind() {
            "break_statement" | "continue_statement" => return true,
            "for_statement" | "while_statement" | "function_definition" | "class_definition" => {}
            _ => {
                let mut cursor = at.walk();
                open.extend(at.named_children(&mut cursor));
            }
        }
    }
    false
}
