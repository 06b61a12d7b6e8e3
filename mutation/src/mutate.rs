//! Finds the mutants of a source file, and writes all of them into it, each behind a switch.
//!
//! The text of the source is kept and code is put around it, so that nothing but the mutants differs from what the
//! compiler usually sees. An expression with mutants becomes `(if on(1) { … } else if on(2) { … } else { itself })`;
//! only the last branch has the mutants of its operands, or nested expressions would double at every level.

use std::collections::BTreeSet;
use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    BinOp, Block, Expr, GenericArgument, Member, Pat, PathArguments, ReturnType, Signature, Type,
    UnOp,
};

/// The module that the mutated crate gets.
pub(crate) const SWITCH: &str = r#"
/// Which mutant is switched on.
#[doc(hidden)]
pub mod mutation_switch {
    static ON: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    /// Whether it is this one.
    #[inline]
    pub fn on(id: u32) -> bool {
        let text = || std::env::var("NOTION_SYNC_MUTANT").unwrap_or_default();
        *ON.get_or_init(|| text().parse().unwrap_or(u32::MAX)) == id
    }
}
"#;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mutant {
    pub(crate) id: u32,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) function: String,
    pub(crate) kind: &'static str,
    pub(crate) what: String,
    code: String,
}

/// How the mutants of a place are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Other expressions in its stead.
    Instead,
    /// Values returned before anything else is done; the place is empty.
    Return,
    /// A guard for an arm that has none; the place is empty.
    Guard,
}

#[derive(Debug)]
struct Site {
    place: Range<usize>,
    shape: Shape,
    mutants: Vec<Mutant>,
}

/// A source file with its mutants.
#[derive(Debug)]
pub(crate) struct Source {
    text: String,
    sites: Vec<Site>,
}

/// What a source file becomes.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// Where in `text` the code of each mutant stands.
    pub(crate) branches: Vec<(Range<usize>, Vec<u32>)>,
    /// The places with all their mutants, inner ones first.
    pub(crate) places: Vec<(Range<usize>, Vec<u32>)>,
}

impl Source {
    /// Finds the mutants; they are numbered from `first` in the order of the source.
    pub(crate) fn parse(text: String, first: u32) -> syn::Result<Self> {
        let file = syn::parse_file(&text)?;
        let mut finder = Finder {
            text: &text,
            names: Vec::new(),
            sites: Vec::new(),
        };
        finder.visit_file(&file);
        let mut sites = finder.sites;
        // Outer ones before inner ones; what is only inserted stands before what begins there.
        sites.sort_by_key(|site| {
            (
                site.place.start,
                !site.place.is_empty(),
                std::cmp::Reverse(site.place.end),
            )
        });
        for (id, mutant) in (first..).zip(sites.iter_mut().flat_map(|site| &mut site.mutants)) {
            mutant.id = id;
        }
        Ok(Self { text, sites })
    }

    pub(crate) fn mutants(&self) -> impl Iterator<Item = &Mutant> {
        self.sites.iter().flat_map(|site| &site.mutants)
    }

    /// Writes the source with all mutants but those `without`.
    pub(crate) fn write(&self, without: &BTreeSet<u32>) -> Written {
        let mut out = Written::default();
        self.part(
            0..self.text.len(),
            &mut self.sites.iter().peekable(),
            without,
            &mut out,
        );
        out
    }

    fn part<'a>(
        &'a self,
        part: Range<usize>,
        sites: &mut std::iter::Peekable<std::slice::Iter<'a, Site>>,
        without: &BTreeSet<u32>,
        out: &mut Written,
    ) {
        let mut at = part.start;
        while let Some(site) = sites.next_if(|site| site.place.start < part.end) {
            out.text.push_str(&self.text[at..site.place.start]);
            at = site.place.end;
            let begin = out.text.len();
            let (open, middle, close) = match site.shape {
                Shape::Instead => (" { ", "", " }\nelse "),
                Shape::Return => (" { return ", "", "; }\n"),
                Shape::Guard => ("", " ", ""),
            };
            let mut ids = Vec::new();
            for mutant in site
                .mutants
                .iter()
                .filter(|mutant| !without.contains(&mutant.id))
            {
                out.text.push_str(match site.shape {
                    Shape::Instead if ids.is_empty() => "(if ",
                    Shape::Guard => " if !",
                    Shape::Instead | Shape::Return => "if ",
                });
                out.text
                    .push_str(&format!("crate::mutation_switch::on({}){open}", mutant.id));
                let start = out.text.len();
                out.text.push_str(&mutant.code);
                out.text.push_str(middle);
                out.branches.push((start..out.text.len(), vec![mutant.id]));
                out.text.push_str(close);
                ids.push(mutant.id);
            }
            let chosen = site.shape == Shape::Instead && !ids.is_empty();
            out.text.push_str(if chosen { "{ " } else { "" });
            self.part(site.place.clone(), sites, without, out);
            out.text.push_str(if chosen { " })" } else { "" });
            out.places.push((begin..out.text.len(), ids));
        }
        out.text.push_str(&self.text[at..part.end]);
    }
}

struct Finder<'a> {
    text: &'a str,
    names: Vec<String>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn of(&self, node: &impl Spanned) -> &str {
        &self.text[node.span().byte_range()]
    }

    /// On one line, and not the whole of a long one.
    fn short(&self, node: &impl Spanned) -> String {
        let words: Vec<&str> = self.of(node).split_whitespace().collect();
        let text = words.join(" ");
        match text.char_indices().nth(70) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    fn site(
        &mut self,
        (shape, kind): (Shape, &'static str),
        place: Range<usize>,
        told: Span,
        mutants: impl IntoIterator<Item = (String, String)>,
    ) {
        let function = self.names.join("::");
        let (line, column) = (told.start().line, told.start().column + 1);
        let mutants = mutants.into_iter().map(|(what, code)| Mutant {
            id: 0,
            line,
            column,
            function: function.clone(),
            kind,
            what,
            code,
        });
        self.sites.push(Site {
            place,
            shape,
            mutants: mutants.collect(),
        });
    }

    fn function(&mut self, attrs: &[syn::Attribute], sig: &Signature, block: &Block) {
        if sig.constness.is_some() || only_tests(attrs) {
            return;
        }
        self.names.push(sig.ident.to_string());
        let mut values = match &sig.output {
            ReturnType::Default => vec!["()".to_owned()],
            ReturnType::Type(_, ty) => values(ty),
        };
        let solid = |text: &str| text.split_whitespace().collect::<String>();
        let body = solid(self.of(block).trim_matches(['{', '}']));
        // The same, or itself without end.
        values.retain(|value| {
            solid(value) != body && !(sig.ident == "default" && value.contains("default"))
        });
        if !block.stmts.is_empty() {
            let start = block.brace_token.span.open().byte_range().end;
            let mutants = values
                .into_iter()
                .map(|value| (format!("body to `{value}`"), value));
            self.site(
                (Shape::Return, "body"),
                start..start,
                sig.ident.span(),
                mutants,
            );
        }
        self.visit_block(block);
        self.names.pop();
    }

    fn binary(&mut self, whole: &Expr, binary: &syn::ExprBinary) {
        let (left, right) = (self.of(&binary.left), self.of(&binary.right));
        let op = self.of(&binary.op);
        let mutants: Vec<_> = (others(&binary.op).iter())
            .map(|other| {
                let assigns = other.ends_with('=') && !["==", "!=", "<=", ">="].contains(other);
                let code = if assigns {
                    format!("{left} {other} ({right})")
                } else {
                    format!("({left}) {other} ({right})")
                };
                (format!("`{op}` to `{other}`"), code)
            })
            .collect();
        self.site(
            (Shape::Instead, "operator"),
            whole.span().byte_range(),
            binary.op.span(),
            mutants,
        );
    }

    fn fields(&mut self, literal: &syn::ExprStruct) {
        let (whole, text) = (literal.span().byte_range(), self.text);
        for pair in literal.fields.pairs() {
            let field = pair.value().span().byte_range();
            let end = pair
                .punct()
                .map_or(field.end, |comma| comma.span().byte_range().end);
            let code = format!(
                "{}{}",
                &text[whole.start..field.start],
                &text[end..whole.end]
            );
            let Member::Named(name) = &pair.value().member else {
                continue;
            };
            self.site(
                (Shape::Instead, "field"),
                whole.clone(),
                name.span(),
                [(format!("field `{name}` deleted"), code)],
            );
        }
    }

    fn arms(&mut self, arms: &[syn::Arm]) {
        let is_wild = |arm: &syn::Arm| matches!(arm.pat, Pat::Wild(_)) && arm.guard.is_none();
        let wild = arms.iter().position(is_wild).unwrap_or(0);
        // An arm with a guard is deleted by the guard `false`.
        for arm in arms[..wild].iter().filter(|arm| arm.guard.is_none()) {
            let end = arm.pat.span().byte_range().end;
            let what = format!("arm `{}` deleted", self.short(&arm.pat));
            self.site(
                (Shape::Guard, "arm"),
                end..end,
                arm.pat.span(),
                [(what, String::new())],
            );
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.attrs, &item.sig, block);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !only_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = self.of(&item.self_ty);
        let name = match &item.trait_ {
            Some((_, path, _)) => format!("<impl {} for {of}>", self.of(path)),
            None => of.to_owned(),
        };
        if !only_tests(&item.attrs) {
            self.names.push(name);
            visit::visit_item_impl(self, item);
            self.names.pop();
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.names.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.names.pop();
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        let whole = expr.span().byte_range();
        match expr {
            Expr::Binary(binary) if !has_let(expr) => self.binary(expr, binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) => {
                let what = format!("`{}` deleted", self.of(&unary.op));
                let code = self.of(&unary.expr).to_owned();
                self.site(
                    (Shape::Instead, "unary"),
                    whole,
                    unary.op.span(),
                    [(what, code)],
                );
            }
            Expr::Struct(literal) if literal.rest.is_some() => self.fields(literal),
            Expr::Match(matched) => self.arms(&matched.arms),
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            // Nobody can see how much room was made.
            Expr::Call(call) if self.of(&call.func).ends_with("with_capacity") => return,
            Expr::Const(_) => return,
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            let what = self.short(guard);
            let mutants = ["true", "false"]
                .map(|value| (format!("guard `{what}` to {value}"), value.to_owned()));
            self.site(
                (Shape::Instead, "guard"),
                guard.span().byte_range(),
                guard.span(),
                mutants,
            );
        }
        visit::visit_arm(self, arm);
    }

    // What the compiler wants constant, and what is no code.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generic_argument(&mut self, _: &'ast GenericArgument) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
}

fn only_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        meta => meta
            .path()
            .segments
            .last()
            .is_some_and(|last| last.ident == "test"),
    })
}

/// Whether it is a chain of conditions with a `let`: neither `||` nor parentheses may stand there.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => {
            has_let(&both.left) || has_let(&both.right)
        }
        _ => false,
    }
}

fn others(op: &BinOp) -> &'static [&'static str] {
    match op {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Lt(_) => &["==", ">", "<="],
        BinOp::Gt(_) => &["==", "<", ">="],
        BinOp::Le(_) => &[">"],
        BinOp::Ge(_) => &["<"],
        BinOp::Add(_) => &["-", "*"],
        BinOp::Sub(_) => &["+", "/"],
        BinOp::Mul(_) => &["+", "/"],
        BinOp::Div(_) => &["%", "*"],
        BinOp::Rem(_) => &["/", "+"],
        BinOp::BitAnd(_) => &["|", "^"],
        BinOp::BitOr(_) => &["&", "^"],
        BinOp::BitXor(_) => &["|", "&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-=", "*="],
        BinOp::SubAssign(_) => &["+=", "/="],
        BinOp::MulAssign(_) => &["+=", "/="],
        BinOp::DivAssign(_) => &["%=", "*="],
        BinOp::RemAssign(_) => &["/=", "+="],
        BinOp::BitAndAssign(_) => &["|=", "^="],
        BinOp::BitOrAssign(_) => &["&=", "^="],
        BinOp::BitXorAssign(_) => &["|=", "&="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        _ => &[],
    }
}

/// Values of a type that are easily written down. Some do not compile; the compiler says which.
fn values(ty: &Type) -> Vec<String> {
    let strings = |values: &[&str]| {
        values
            .iter()
            .map(|&value| value.to_owned())
            .collect::<Vec<_>>()
    };
    match ty {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return Vec::new();
            };
            let inner: Vec<&Type> = match &last.arguments {
                PathArguments::AngleBracketed(list) => (list.args.iter())
                    .filter_map(|arg| {
                        if let GenericArgument::Type(ty) = arg {
                            Some(ty)
                        } else {
                            None
                        }
                    })
                    .collect(),
                _ => Vec::new(),
            };
            let name = last.ident.to_string();
            let wrapped = |with: &str| -> Vec<String> {
                let first = inner.first().map(|ty| values(ty)).unwrap_or_default();
                first.iter().map(|value| with.replace('#', value)).collect()
            };
            let all =
                |empty: String, filled: Vec<String>| std::iter::once(empty).chain(filled).collect();
            match name.as_str() {
                "bool" => strings(&["true", "false"]),
                "String" => strings(&["String::new()", "\"xyzzy\".into()"]),
                "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => strings(&["0", "1"]),
                "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => strings(&["0", "1", "-1"]),
                "f32" | "f64" => strings(&["0.0", "1.0", "-1.0"]),
                "Option" => all("None".to_owned(), wrapped("Some(#)")),
                "Result" => wrapped("Ok(#)"),
                "Vec" => all("vec![]".to_owned(), wrapped("vec![#]")),
                "BTreeSet" | "HashSet" | "VecDeque" => all(
                    format!("{name}::new()"),
                    wrapped(&format!("{name}::from_iter([#])")),
                ),
                "BTreeMap" | "HashMap" => {
                    let pairs = product(&inner)
                        .into_iter()
                        .map(|pair| format!("{name}::from_iter([({pair})])"));
                    all(format!("{name}::new()"), pairs.collect())
                }
                "Box" | "Arc" | "Rc" => wrapped(&format!("{name}::new(#)")),
                _ => strings(&["Default::default()"]),
            }
        }
        Type::Tuple(tuple) if tuple.elems.is_empty() => strings(&["()"]),
        Type::Tuple(tuple) => {
            let elements: Vec<&Type> = tuple.elems.iter().collect();
            product(&elements)
                .into_iter()
                .map(|values| format!("({values})"))
                .collect()
        }
        Type::Reference(to) => match &*to.elem {
            Type::Path(path) if path.path.is_ident("str") => strings(&["\"\"", "\"xyzzy\""]),
            Type::Slice(slice) => std::iter::once("vec![]".to_owned())
                .chain(
                    values(&slice.elem)
                        .iter()
                        .map(|value| format!("vec![{value}]")),
                )
                .map(|list| format!("Vec::leak({list})"))
                .collect(),
            to => values(to)
                .iter()
                .map(|value| format!("Box::leak(Box::new({value}))"))
                .collect(),
        },
        Type::Array(_) => strings(&["Default::default()"]),
        _ => Vec::new(),
    }
}

/// Every combination of the values of some types, separated by commas.
fn product(types: &[&Type]) -> Vec<String> {
    types.iter().fold(vec![String::new()], |before, ty| {
        let these = values(ty);
        let and = |start: &String, value: &String| {
            format!("{start}{}{value}", if start.is_empty() { "" } else { ", " })
        };
        before
            .iter()
            .flat_map(|start| these.iter().map(move |value| and(start, value)))
            .collect()
    })
}
