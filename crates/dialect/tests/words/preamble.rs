//! What does a small test dialect have that its page need not show?

/// Keys of the root; each is added unless the page has it.
const ROOT: [(&str, &str); 4] = [
    ("language", "language = 1"),
    ("name", "name = \"word\""),
    ("version", "version = \"1\""),
    ("weaker", "weaker = []"),
];

/// Keys of the root of a page that extends another dialect.
const ROOT_OF_ANOTHER: [(&str, &str); 4] = [
    ("language", "language = 1"),
    ("name", "name = \"word\""),
    ("version", "version = \"1\""),
    ("source", "source = \"another page\""),
];

/// Tables; each is added unless the page has it.
const TABLES: [(&str, &str); 3] = [
    (
        "[tokens.access]",
        "algorithm = \"EdDSA\"\nlifetime = \"10m\"\n\
         claims = '{\"sub\": \"{user.uuid}\", \"jti\": \"{token.uuid}\", \"exp\": \"{expires}\"}'",
    ),
    ("[refuse.default]", "body = '{\"code\": \"{code}\"}'"),
    ("[refuse.invalid_input]", "body = '{\"errors\": \"{flaws}\"}'"),
];

/// The route of pages that write none: everything that needs an access token and nothing else.
const ROUTE: &str = "[[route]]\nverb = \"update_profile\"\non = \"POST /t\"\n";

/// Dialects that those of a page extend, by name.
pub type Bases = std::collections::BTreeMap<String, String>;

/// The text of a dialect that another extends.
pub fn base(bases: &Bases, name: &str) -> Result<String, String> {
    bases.get(name).cloned().ok_or_else(|| format!("there is no dialect \"{name}\""))
}

/// The whole dialect of a page, and the number of lines before the page's own.
pub fn composed(page: &str) -> (String, usize) {
    let tables_at =
        page.lines().take_while(|line| !line.starts_with('[')).map(|line| line.len() + 1).sum::<usize>();
    let own_root = &page[..tables_at.min(page.len())];
    let has = |key: &str| own_root.lines().any(|own| own.split(['=', ' ']).next() == Some(key));
    let extends = has("extends");
    let mut head = String::new();
    for (key, line) in if extends { ROOT_OF_ANOTHER } else { ROOT } {
        if !has(key) {
            head.push_str(line);
            head.push('\n');
        }
    }
    let before = head.lines().count();
    if extends {
        return (format!("{head}{page}\n"), before);
    }
    let body = with_route(page);
    let mut tail = String::new();
    for (name, table) in TABLES {
        if !page.contains(name) {
            tail.push_str(&format!("\n{name}\n{table}\n"));
        }
    }
    (format!("{head}{body}\n{tail}"), before)
}

/// Puts the standard route at the end, or before the page's first `[route.…]`.
fn with_route(page: &str) -> String {
    if page.lines().any(|line| line.starts_with("[[route]]") || line.starts_with("route")) {
        return page.to_owned();
    }
    let give = if page.contains("[route.give]") { "" } else { "give = { body = '{\"ok\": true}' }\n" };
    let lines: Vec<&str> = page.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("[route.") || line.starts_with("[[route."));
    let at = at.unwrap_or(lines.len());
    format!("{}\n{ROUTE}{give}{}", lines[..at].join("\n"), lines[at..].join("\n"))
}
