//! What does the configuration file say, and in which line?

use super::database::Chosen;
use super::kinds::{Kind, Value};
use super::mount::{self, MountConfig};
use super::roles;
use super::settings::{self, SETTINGS, Setting};
use super::{ConfigFault, Origin, Values, did_you_mean, nearest};
use domain::role::Roles;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest file that is read, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// A file's text with its faults.
pub struct Page<'a> {
    /// As it was named.
    pub path: &'a Path,
    text: &'a str,
    faults: &'a mut Vec<ConfigFault>,
}

impl Page<'_> {
    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    /// Notes a fault.
    pub fn fault(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let place = format!("{}:{}", self.path.display(), self.line(span.start));
        self.faults.push(ConfigFault { place, message: message.into() });
    }

    /// The origin of a value at this place.
    pub fn origin(&self, span: &Range<usize>) -> Origin {
        Origin::File { path: self.path.to_owned(), line: self.line(span.start) }
    }

    /// A path as the file means it: relative to the file's own folder.
    pub fn relative(&self, text: &str) -> String {
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match folder {
            Some(folder) if !text.is_empty() => folder.join(text).to_string_lossy().into_owned(),
            Some(_) | None => text.to_owned(),
        }
    }
}

/// What the file alone can say.
#[derive(Default)]
pub(super) struct Tables {
    /// `[[mount]]`.
    pub mounts: Vec<MountConfig>,
    /// `[roles.NAME]`; absent = no roles are configured.
    pub roles: Option<Roles>,
}

/// Reads the file into `values` and `tables`.
pub(super) fn read(
    path: &Path,
    needed: bool,
    values: &mut Values,
    tables: &mut Tables,
    faults: &mut Vec<ConfigFault>,
) {
    let mut whole = |message: String| faults.push(ConfigFault { place: path.display().to_string(), message });
    let text = match std::fs::read(path) {
        Ok(bytes) if bytes.len() > MAX_FILE => {
            return whole(format!("the file is larger than {MAX_FILE} bytes"));
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return whole("the file is not UTF-8 text".to_owned()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => return,
        Err(error) => {
            return whole(format!("the file can not be read ({error}); `countersign init` writes one"));
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut page = Page { path, text: &text, faults };
    for error in &errors {
        page.fault(&error.span().unwrap_or(0..0), error.message().trim());
    }
    if errors.is_empty() {
        read_root(table.get_ref(), &mut page, values, tables);
    }
}

fn read_root(table: &DeTable<'_>, page: &mut Page<'_>, values: &mut Values, tables: &mut Tables) {
    let sections = settings::sections();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if name == "mount" {
            read_mounts(value, page, &mut tables.mounts);
        } else if name == "roles" {
            tables.roles = Some(roles::read(value, page));
        } else if let Some(setting) = settings::named(name).filter(|setting| !setting.name.contains('.')) {
            read_setting(setting, value, page, values);
        } else if sections.contains(&name) {
            match value.get_ref().as_table() {
                Some(section) => read_section(name, section, page, values),
                None => page.fault(&key.span(), format!("{name:?} is a section: write [{name}]")),
            }
        } else {
            let own = SETTINGS.iter().map(|setting| setting.name).filter(|name| !name.contains('.'));
            let hint = nearest(name, own.chain(sections.iter().copied()).chain(["mount", "roles"]))
                .map(str::to_owned);
            let moved =
                SETTINGS.iter().map(|setting| setting.name).find(|full| full.ends_with(&format!(".{name}")));
            let hint = hint.or_else(|| moved.map(str::to_owned));
            page.fault(&key.span(), unknown(name, hint.as_deref()));
        }
    }
}

fn read_section(section: &str, table: &DeTable<'_>, page: &mut Page<'_>, values: &mut Values) {
    let prefix = format!("{section}.");
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if let Some(setting) = settings::named(&format!("{prefix}{name}")) {
            read_setting(setting, value, page, values);
        } else {
            let own = SETTINGS.iter().filter_map(|setting| setting.name.strip_prefix(&prefix));
            let hint = nearest(name, own).or_else(|| {
                // A key of the top level or of `[[mount]]` that slid under a section.
                settings::named(name).map(|_| name)
            });
            page.fault(&key.span(), unknown(&format!("{prefix}{name}"), hint));
        }
    }
}

fn read_setting(
    setting: &'static Setting,
    value: &Spanned<DeValue<'_>>,
    page: &mut Page<'_>,
    values: &mut Values,
) {
    match setting.kind.read_toml(value.get_ref()) {
        Ok(read) => {
            let read = match (&read, setting.kind) {
                (Value::Text(text), Kind::Path) => Value::Text(page.relative(text)),
                (Value::Database(Chosen::File(path)), _) => {
                    Value::Database(Chosen::File(PathBuf::from(page.relative(&path.to_string_lossy()))))
                }
                _ => read,
            };
            values.insert(setting.name, (read, page.origin(&value.span())));
        }
        Err(message) => page.fault(&value.span(), format!("{}: {message}", setting.name)),
    }
}

fn read_mounts(value: &Spanned<DeValue<'_>>, page: &mut Page<'_>, mounts: &mut Vec<MountConfig>) {
    let Some(list) = value.get_ref().as_array() else {
        return page.fault(&value.span(), "write [[mount]] with two brackets: there can be several");
    };
    for entry in list {
        match entry.get_ref().as_table() {
            Some(table) => mounts.extend(mount::read(table, &entry.span(), page)),
            None => page.fault(&entry.span(), "a mount is a table: write [[mount]]"),
        }
    }
}

/// The sentence for a key that is not known.
pub fn unknown(name: &str, hint: Option<&str>) -> String {
    let hint = hint.map_or_else(String::new, did_you_mean);
    format!("there is no setting {name:?}{hint}")
}
