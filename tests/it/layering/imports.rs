//! The paths that a source file names: in its `use` items, and inside its code.

/// One name that a `use` item brings into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name by which the file knows it.
    pub(super) name: String,
    pub(super) is_public: bool,
}

/// The paths of one file, outside comments and its inline tests.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub(super) uses: Vec<Import>,
    pub(super) inline: Vec<Vec<String>>,
}

impl Imports {
    pub(super) fn parse(source: &str) -> Self {
        let mut imports = Self::default();
        let code = code(source);
        for statement in statements(&code) {
            match use_item(&statement) {
                Some((tree, is_public)) => leaves(&[], tree, is_public, &mut imports.uses),
                None => imports.inline.extend(inline(&statement)),
            }
        }
        imports
    }
}

/// The source without comments and without what is compiled for tests alone.
fn code(source: &str) -> String {
    let mut kept = String::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test") {
            // An inline module ends with the first brace at the margin, any other item here and now.
            while lines.next_if(|next| next.starts_with("#[")).is_some() {}
            let item = lines.next().unwrap_or_default();
            if item.ends_with('{') {
                lines.by_ref().find(|line| line.starts_with('}'));
            }
        } else if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The text between semicolons and line ends of blocks, roughly: each `use` item is one of them.
fn statements(code: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut in_use = false;
    for line in code.lines() {
        let starts_use = is_use(line);
        if starts_use || !in_use && statements.last().is_some_and(|last| is_use(last)) {
            statements.push(String::new());
        }
        in_use = (in_use || starts_use) && !line.trim_end().ends_with(';');
        if let Some(last) = statements.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    statements
}

fn is_use(text: &str) -> bool {
    let text = text.trim_start();
    ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The tree of a `use` item, and whether it is a re-export.
fn use_item(statement: &str) -> Option<(&str, bool)> {
    let text = statement.trim();
    let tree = text.split_once("use ").filter(|_| is_use(text))?.1;
    Some((tree.trim_end_matches(';').trim(), text.starts_with("pub")))
}

/// Adds the leaves of a `use` tree.
fn leaves(prefix: &[String], tree: &str, is_public: bool, into: &mut Vec<Import>) {
    let Some((head, group)) = tree.split_once('{') else {
        let (path, alias) = match tree.split_once(" as ") {
            Some((path, alias)) => (path, Some(alias.trim().to_owned())),
            None => (tree, None),
        };
        let mut path = [prefix, &segments(path)].concat();
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(name) = alias.or_else(|| path.last().cloned()) {
            into.push(Import {
                path,
                name,
                is_public,
            });
        }
        return;
    };
    let prefix = [prefix, &segments(head)].concat();
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    for member in members(group) {
        leaves(&prefix, member.trim(), is_public, into);
    }
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split("::").map(str::trim);
    segments
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The members of a group, split at the commas of its own depth.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found.retain(|member| !member.trim().is_empty());
    found
}

/// Every path of two segments and more: `crate::a::B`, `super::c`, `child::D`.
fn inline(code: &str) -> Vec<Vec<String>> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = code.split(|character: char| !is_name(character) && character != ':');
    let paths = words.map(|word| segments(word.trim_matches(':')));
    paths.filter(|path| path.len() > 1).collect()
}
