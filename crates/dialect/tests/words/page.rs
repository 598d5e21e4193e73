//! How are the text files of these tests read and written?
//!
//! A page begins with `#` lines that say what it shows. A line `=== word title` begins a section.

/// A part of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// What the section holds.
    pub word: String,
    /// The rest of its first line.
    pub title: String,
    /// Everything below, without outer empty lines.
    pub text: String,
    /// Line of the file, from 1.
    pub line: usize,
}

/// A text file, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The `#` lines.
    pub about: String,
    /// In order.
    pub sections: Vec<Section>,
}

impl Section {
    /// A section with a text.
    pub fn new(word: &str, text: String) -> Section {
        Section { word: word.to_owned(), text, ..Section::default() }
    }
}

impl Page {
    /// Takes a file apart.
    pub fn parse(text: &str) -> Page {
        let mut page = Page::default();
        for (number, line) in text.lines().enumerate() {
            if let Some(head) = line.strip_prefix("=== ") {
                let (word, title) = head.split_once(' ').unwrap_or((head, ""));
                let (word, title) = (word.to_owned(), title.to_owned());
                page.sections.push(Section { word, title, line: number + 1, text: String::new() });
                continue;
            }
            let target = page.sections.last_mut().map_or(&mut page.about, |section| &mut section.text);
            target.push_str(line);
            target.push('\n');
        }
        page.about = page.about.trim().to_owned();
        for section in &mut page.sections {
            section.text = section.text.trim_matches('\n').to_owned();
        }
        page
    }

    /// The file's text.
    pub fn written(&self) -> String {
        let mut out = format!("{}\n", self.about);
        for section in &self.sections {
            let head = format!("=== {} {}", section.word, section.title);
            out.push_str(&format!("\n{}\n", head.trim_end()));
            if !section.text.is_empty() {
                out.push_str(&format!("{}\n", section.text));
            }
        }
        out
    }
}

/// All pages of a folder under `tests/`, by name.
pub fn pages(folder: &str) -> Vec<(std::path::PathBuf, Page)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), Page::parse(&std::fs::read_to_string(&path).unwrap())))
        .collect()
}

/// Whether the expected side is to be rewritten.
pub fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}
