//! A common boot menu that is there: what it offers, what starts, and another choice.
//!
//! The default is a number in `grub.cfg`, and not `saved_entry` in the environment block: bareon's driver for Ironic changes
//! it there, and only one place can be right. It is changed by writing over its digits, in one sector of the disk, and
//! nothing else is: GRUB reads file systems as they lie on the disk and knows nothing of what a journal has still to
//! complete, so that after a power cut a file that was renamed into its place may be the old one to it, or none at all.
//! For the same reason the environment block, which says what starts once, is written over in place.

use std::io;
use std::ops::Range;

use thiserror::Error;

use super::environment::{self, Environment};
use super::menu::{DEFAULT, Described, ENTRY, HEADER, ONCE, PLACES};
use crate::confined::{MOST, Root};

/// Where GRUB keeps its files, as distributions call it.
const DIRECTORIES: [&str; 2] = ["/grub", "/grub2"];

/// A menu cannot be read or changed.
#[derive(Debug, Error)]
pub(crate) enum ChoiceError {
    #[error("it has no grub.cfg")]
    None,
    #[error(
        "its {path} was not written by this deployer; `deployer bootloader`, with the description, writes one"
    )]
    Foreign { path: String },
    #[error(
        "its {path} was changed by others: {what}; `deployer bootloader`, with the description, writes it anew"
    )]
    Changed { path: String, what: &'static str },
    #[error("cannot {action} {path} on it: {source}")]
    File { action: &'static str, path: String, source: io::Error },
    #[error("{0}")]
    Full(#[from] environment::Full),
    #[error("there is no boot entry {name:?}; there are:\n{known}")]
    Missing { name: String, known: String },
    #[error("{name:?} means several boot entries; name one by its number:\n{known}")]
    Ambiguous { name: String, known: String },
}

/// A menu.
#[derive(Debug)]
pub(crate) struct Menu {
    configuration: String,
    /// What that file holds.
    text: String,
    environment: String,
    /// Where in the configuration the number of the default is, with the room that it has.
    place: Range<usize>,
    pub(crate) entries: Vec<Described>,
    /// What starts when nobody chooses.
    pub(crate) default: usize,
    /// What starts the next time, if that is something else.
    pub(crate) once: Option<usize>,
}

impl Menu {
    /// The menu on a file system.
    pub(crate) fn read(root: &Root) -> Result<Self, ChoiceError> {
        for directory in DIRECTORIES {
            let path = format!("{directory}/grub.cfg");
            let text = root.bytes(&path).map_err(failed("read", &path))?;
            let Some(text) = text else { continue };
            let text = String::from_utf8(text).map_err(|_| ChoiceError::Foreign { path: path.clone() })?;
            let mut menu = parse(&text, &path, format!("{directory}/grubenv"))?;
            let once = environment(root, &menu.environment)?.and_then(|found| found.get(ONCE));
            menu.once = once.map(|once| menu.meant(&once));
            return Ok(menu);
        }
        Err(ChoiceError::None)
    }

    /// The entry that GRUB takes this for: the first one, where it knows none.
    fn meant(&self, word: &str) -> usize {
        let number = word.parse().ok().filter(|number| *number < self.entries.len());
        let titled = || self.entries.iter().position(|entry| entry.element.boot_name == word);
        number.or_else(titled).unwrap_or(0)
    }

    /// The number of the entry that somebody means.
    pub(crate) fn find(&self, name: &str) -> Result<usize, ChoiceError> {
        let known = || {
            let line = |(number, entry): (usize, &Described)| {
                let element = &entry.element;
                let names = [&element.os_id, &element.image_name, &element.image_uuid, &element.boot_name];
                let names = names.map(String::as_str).into_iter().filter(|name| !name.is_empty());
                format!("  {number}: {}", names.collect::<Vec<_>>().join(", "))
            };
            self.entries.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
        };
        let named = |entry: &Described| {
            let element = &entry.element;
            let names = [&element.image_name, &element.image_uuid, &element.boot_name, &element.root_uuid];
            names.into_iter().any(|it| it == name)
        };
        // Names in the description are different from each other, and what others may have for a name is no number.
        if let Some(number) = self.entries.iter().position(|entry| entry.element.os_id == name) {
            return Ok(number);
        }
        let mut found = (0..).zip(&self.entries).filter(|(_, entry)| named(entry)).map(|(number, _)| number);
        match (found.next(), found.next()) {
            (Some(number), None) => Ok(number),
            (Some(_), Some(_)) => Err(ChoiceError::Ambiguous { name: name.to_owned(), known: known() }),
            (None, _) => {
                let number = name.parse().ok().filter(|number| *number < self.entries.len());
                number.ok_or_else(|| ChoiceError::Missing { name: name.to_owned(), known: known() })
            }
        }
    }

    /// Makes this one start when nobody chooses. What was to start once is forgotten: this is the later wish.
    pub(crate) fn set_default(&mut self, root: &Root, number: usize) -> Result<(), ChoiceError> {
        let room = self.place.len();
        let digits = format!("{number:<room$}");
        let path = &self.configuration;
        match digits.len() == room {
            true => root.overwrite(path, self.place.start as u64, digits.as_bytes()),
            // Somebody has left no room.
            false => {
                let (before, after) = (&self.text[..self.place.start], &self.text[self.place.end..]);
                root.write(path, &format!("{before}{number:<PLACES$}{after}"))
            }
        }
        .map_err(failed("write", path))?;
        self.default = number;
        if self.once.is_some() {
            self.set_variable(root, None)?;
        }
        self.once = None;
        Ok(())
    }

    /// Makes this one start the next time.
    pub(crate) fn set_once(&mut self, root: &Root, number: usize) -> Result<(), ChoiceError> {
        self.set_variable(root, Some(&number.to_string()))?;
        self.once = Some(number);
        Ok(())
    }

    fn set_variable(&self, root: &Root, value: Option<&str>) -> Result<(), ChoiceError> {
        let path = &self.environment;
        let found = environment(root, path)?;
        let there = found.is_some();
        let bytes = found.unwrap_or_else(Environment::new).with(ONCE, value).bytes()?;
        match there {
            true => root.overwrite(path, 0, &bytes),
            false => root.write(path, &String::from_utf8_lossy(&bytes)),
        }
        .map_err(failed("write", path))
    }
}

fn environment(root: &Root, path: &str) -> Result<Option<Environment>, ChoiceError> {
    let found = root.bytes(path).map_err(failed("read", path))?;
    Ok(found.as_deref().and_then(Environment::parse))
}

fn failed(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> ChoiceError + use<> {
    let path = path.to_owned();
    move |source| ChoiceError::File { action, path, source }
}

fn parse(text: &str, path: &str, environment: String) -> Result<Menu, ChoiceError> {
    let configuration = path.to_owned();
    if text.lines().next() != Some(HEADER) {
        return Err(ChoiceError::Foreign { path: configuration });
    }
    let changed = |what| ChoiceError::Changed { path: path.to_owned(), what };
    // Of what is longer, only the beginning was read.
    if text.len() as u64 >= MOST {
        return Err(changed("it is longer than 1 MiB"));
    }
    let described: Result<Vec<Described>, _> =
        text.lines().filter_map(|line| line.strip_prefix(ENTRY)).map(serde_json::from_str).collect();
    let entries = described.map_err(|_| changed("an entry has another description"))?;
    let offered = text.lines().filter(|line| line.trim_start().starts_with("menuentry ")).count();
    let in_order = (0..).zip(&entries).all(|(number, entry): (usize, _)| entry.element.grub_id == number);
    if entries.is_empty() || offered != entries.len() || !in_order {
        return Err(changed("there are other entries"));
    }
    let start = text.find(&format!("\n{DEFAULT}")).ok_or_else(|| changed("it has no default"))?;
    let start = start + 1 + DEFAULT.len();
    let line = text[start..].lines().next().unwrap_or_default();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let spaces = line[digits..].bytes().take_while(|byte| *byte == b' ').count();
    let default = line[..digits].parse().map_err(|_| changed("its default is no number"))?;
    if digits + spaces != line.len() {
        return Err(changed("its default is no number"));
    }
    // A place that does not exist is the first one to GRUB.
    let default = if default < entries.len() { default } else { 0 };
    let place = start..start + line.len();
    Ok(Menu { configuration, text: text.to_owned(), environment, place, entries, default, once: None })
}

#[cfg(test)]
mod tests;
