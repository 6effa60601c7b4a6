//! Turns tree-sitter's tree into statements and expressions.

use tree_sitter::{Node, Tree};

use super::tree::{Expr, ExprKind, Statement, SyntaxFault};

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

pub(super) fn line_of(node: Node<'_>) -> u32 {
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
    pub(super) fn nested<T>(
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
            "named_expression" => ExprKind::Named {
                name: match node.child_by_field_name("name") {
                    Some(name) => self.source(name).to_owned(),
                    None => String::new(),
                },
                value: Box::new(self.field(node, "value")?),
            },
            "list_splat" => match self.children(node)?.pop() {
                Some(inner) => ExprKind::Star(Box::new(inner)),
                None => ExprKind::Other("*".to_owned()),
            },
            other => ExprKind::Other(other.replace('_', " ")),
        })
    }

    pub(super) fn operator(&self, node: Node<'_>) -> String {
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

    pub(super) fn field(&mut self, node: Node<'_>, name: &str) -> Result<Expr, SyntaxFault> {
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
