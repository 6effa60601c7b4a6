//! Turns tree-sitter's tree into statements and expressions.

use tree_sitter::{Node, Tree};

use super::tree::{Expr, ExprKind, Statement, StatementKind, SyntaxFault};

/// How deep expressions and blocks may be nested: the converter and its readers recurse.
const DEPTH_MAX: usize = 120;

/// The statements of the tree, and single lines that had to be left out.
pub(super) fn statements_of(
    tree: &Tree,
    text: &str,
) -> Result<(Vec<Statement>, Vec<SyntaxFault>), SyntaxFault> {
    let mut converter = Converter { text, depth: 0 };
    let mut statements = Vec::new();
    let mut skipped = Vec::new();
    let root = tree.root_node();
    let mut cursor = root.walk();
    for node in root.named_children(&mut cursor) {
        if node.has_error() {
            let fault = fault_in(node);
            match node.start_position().row == node.end_position().row && node.is_named() {
                true => skipped.push(fault),
                false => return Err(fault),
            }
        } else {
            statements.extend(converter.statement(node)?);
        }
    }
    // An error between statements has no statement of its own.
    if root.has_error() && skipped.is_empty() {
        return Err(fault_in(root));
    }
    Ok((statements, skipped))
}

/// The first place below `node` that the grammar could not take.
fn fault_in(node: Node<'_>) -> SyntaxFault {
    let mut at = node;
    'down: while !at.is_error() && !at.is_missing() {
        let mut cursor = at.walk();
        for child in at.children(&mut cursor) {
            if child.has_error() || child.is_missing() {
                at = child;
                continue 'down;
            }
        }
        break;
    }
    SyntaxFault {
        line: line_of(at),
        message: "this is not Python".to_owned(),
    }
}

fn line_of(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row).map_or(u32::MAX, |row| row.saturating_add(1))
}

pub(super) struct Converter<'a> {
    text: &'a str,
    depth: usize,
}

impl<'a> Converter<'a> {
    pub(super) fn source(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(
        &mut self,
        node: Node<'_>,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxFault>,
    ) -> Result<T, SyntaxFault> {
        if self.depth == DEPTH_MAX {
            return Err(SyntaxFault {
                line: line_of(node),
                message: "expressions are nested too deeply".to_owned(),
            });
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self, node: Node<'_>) -> Result<Option<Statement>, SyntaxFault> {
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
                Some(inner) => StatementKind::Expr(self.expr(inner)?),
                None => return Ok(None),
            },
            "function_definition" => self.function(node)?,
            "decorated_definition" => match node.child_by_field_name("definition") {
                Some(definition) => return self.statement_kind(definition),
                None => StatementKind::Other,
            },
            "return_statement" => StatementKind::Return(match node.named_child(0) {
                Some(value) => Some(self.expr(value)?),
                None => None,
            }),
            "for_statement" => StatementKind::For {
                target: self.field(node, "left")?,
                iterable: self.field(node, "right")?,
                body: self.block(node.child_by_field_name("body"))?,
            },
            "if_statement" => self.if_statement(node)?,
            "with_statement" | "try_statement" => {
                StatementKind::Block(self.block(node.child_by_field_name("body"))?)
            }
            _ => StatementKind::Other,
        }))
    }

    fn assignment(&mut self, node: Node<'_>) -> Result<StatementKind, SyntaxFault> {
        if node.child_by_field_name("right").is_none() {
            return Ok(StatementKind::Other);
        }
        Ok(StatementKind::Assign {
            target: self.field(node, "left")?,
            value: self.field(node, "right")?,
        })
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
        let mut otherwise = Vec::new();
        let mut cursor = node.walk();
        for clause in node.children_by_field_name("alternative", &mut cursor) {
            let body = clause
                .child_by_field_name("body")
                .or_else(|| clause.child_by_field_name("consequence"));
            otherwise.extend(self.block(body)?);
        }
        Ok(StatementKind::If {
            condition: self.field(node, "condition")?,
            then: self.block(node.child_by_field_name("consequence"))?,
            otherwise,
        })
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

    pub(super) fn expr(&mut self, node: Node<'_>) -> Result<Expr, SyntaxFault> {
        let kind = self.nested(node, |this| this.expr_kind(node))?;
        Ok(Expr {
            line: line_of(node),
            kind,
        })
    }

    fn expr_kind(&mut self, node: Node<'_>) -> Result<ExprKind, SyntaxFault> {
        Ok(match node.kind() {
            "identifier" => ExprKind::Name(self.source(node).to_owned()),
            "string" => ExprKind::Text(self.text(node)?),
            "concatenated_string" => {
                let mut parts = Vec::new();
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor) {
                    parts.extend(self.text(child)?);
                }
                ExprKind::Text(parts)
            }
            "integer" | "float" => ExprKind::Number(self.source(node).replace('_', "")),
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "none" => ExprKind::None,
            "list" | "set" => ExprKind::List(self.children(node)?),
            "tuple" | "expression_list" | "pattern_list" | "tuple_pattern" => {
                ExprKind::Tuple(self.children(node)?)
            }
            "dictionary" => self.dictionary(node)?,
            "parenthesized_expression" => match self.children(node)?.pop() {
                Some(inner) => inner.kind,
                None => ExprKind::Other("()".to_owned()),
            },
            "call" => self.call(node)?,
            "attribute" => ExprKind::Attribute {
                base: Box::new(self.field(node, "object")?),
                name: match node.child_by_field_name("attribute") {
                    Some(name) => self.source(name).to_owned(),
                    None => String::new(),
                },
            },
            "subscript" => ExprKind::Index {
                base: Box::new(self.field(node, "value")?),
                index: Box::new(self.field(node, "subscript")?),
            },
            "lambda" => self.lambda(node)?,
            "not_operator" => ExprKind::Unary {
                op: "not".to_owned(),
                operand: Box::new(self.field(node, "argument")?),
            },
            "unary_operator" => ExprKind::Unary {
                op: self.operator(node),
                operand: Box::new(self.field(node, "argument")?),
            },
            "binary_operator" | "boolean_operator" => ExprKind::Binary {
                op: self.operator(node),
                left: Box::new(self.field(node, "left")?),
                right: Box::new(self.field(node, "right")?),
            },
            "comparison_operator" => self.comparison(node)?,
            "conditional_expression" => match <[Expr; 3]>::try_from(self.children(node)?) {
                Ok([then, condition, otherwise]) => ExprKind::IfElse {
                    condition: Box::new(condition),
                    then: Box::new(then),
                    otherwise: Box::new(otherwise),
                },
                Err(_) => ExprKind::Other("conditional".to_owned()),
            },
            "list_splat" => match self.children(node)?.pop() {
                Some(inner) => ExprKind::Star(Box::new(inner)),
                None => ExprKind::Other("*".to_owned()),
            },
            other => ExprKind::Other(other.replace('_', " ")),
        })
    }

    fn operator(&self, node: Node<'_>) -> String {
        let operator = node.child_by_field_name("operator");
        operator
            .map_or("", |operator| self.source(operator))
            .to_owned()
    }

    fn children(&mut self, node: Node<'_>) -> Result<Vec<Expr>, SyntaxFault> {
        let mut children = Vec::new();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if child.kind() != "comment" {
                children.push(self.expr(child)?);
            }
        }
        Ok(children)
    }

    fn field(&mut self, node: Node<'_>, name: &str) -> Result<Expr, SyntaxFault> {
        match node.child_by_field_name(name) {
            Some(child) => self.expr(child),
            None => Ok(Expr {
                line: line_of(node),
                kind: ExprKind::Other(node.kind().to_owned()),
            }),
        }
    }

    fn dictionary(&mut self, node: Node<'_>) -> Result<ExprKind, SyntaxFault> {
        let mut pairs = Vec::new();
        let mut cursor = node.walk();
        for pair in node.named_children(&mut cursor) {
            match pair.kind() {
                "pair" => pairs.push((self.field(pair, "key")?, self.field(pair, "value")?)),
                "comment" => {}
                other => return Ok(ExprKind::Other(other.replace('_', " "))),
            }
        }
        Ok(ExprKind::Dict(pairs))
    }

    fn call(&mut self, node: Node<'_>) -> Result<ExprKind, SyntaxFault> {
        let mut args = Vec::new();
        let mut keywords = Vec::new();
        if let Some(list) = node.child_by_field_name("arguments") {
            let mut cursor = list.walk();
            for arg in list.named_children(&mut cursor) {
                match arg.kind() {
                    "comment" => {}
                    "keyword_argument" => {
                        let name = arg.child_by_field_name("name");
                        let name = name.map_or("", |name| self.source(name)).to_owned();
                        keywords.push((name, self.field(arg, "value")?));
                    }
                    _ => args.push(self.expr(arg)?),
                }
            }
        }
        Ok(ExprKind::Call {
            function: Box::new(self.field(node, "function")?),
            args,
            keywords,
        })
    }

    fn lambda(&mut self, node: Node<'_>) -> Result<ExprKind, SyntaxFault> {
        let mut params = Vec::new();
        if let Some(list) = node.child_by_field_name("parameters") {
            let mut cursor = list.walk();
            let names = list.named_children(&mut cursor);
            params.extend(names.map(|name| self.source(name).to_owned()));
        }
        Ok(ExprKind::Lambda {
            params,
            body: Box::new(self.field(node, "body")?),
        })
    }

    /// `a < b < c` holds where `a < b` and `b < c` do.
    fn comparison(&mut self, node: Node<'_>) -> Result<ExprKind, SyntaxFault> {
        let operands = self.children(node)?;
        let mut cursor = node.walk();
        let operators: Vec<String> = node
            .children_by_field_name("operators", &mut cursor)
            .map(|operator| {
                self.source(operator)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let mut comparisons = operands.windows(2).zip(operators).map(|(pair, op)| Expr {
            line: pair[0].line,
            kind: ExprKind::Binary {
                op,
                left: Box::new(pair[0].clone()),
                right: Box::new(pair[1].clone()),
            },
        });
        let Some(first) = comparisons.next() else {
            return Ok(ExprKind::Other("comparison".to_owned()));
        };
        let all = comparisons.fold(first, |left, right| Expr {
            line: left.line,
            kind: ExprKind::Binary {
                op: "and".to_owned(),
                left: Box::new(left),
                right: Box::new(right),
            },
        });
        Ok(all.kind)
    }
}
