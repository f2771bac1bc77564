//! Where a setting stands in a table of settings. Of several spellings all lead to one place.

use toml::{Table, Value};

use super::keys::{Key, Section};
use crate::error::{Error, Result};
use crate::search::method::ArchStep;

impl Key {
    /// The value in a table of settings.
    pub fn value<'a>(&self, table: &'a Table) -> Option<&'a Value> {
        let mut path = self.path().into_iter();
        let first = table.get(path.next()?)?;
        path.try_fold(first, |value, name| value.as_table()?.get(name))
    }

    /// Puts a value of this key's kind into a table of settings; answers the one that it replaces.
    ///
    /// # Errors
    /// [`Error::Setting`] where something else than a table is in the way.
    pub(super) fn put(&self, table: &mut Table, value: Value) -> Result<Option<Value>> {
        let path = self.path();
        let (name, tables) = path.split_last().expect("every key has a name");
        let mut inner = table;
        for (depth, table) in tables.iter().enumerate() {
            let entry = inner.entry(*table).or_insert_with(|| Value::Table(Table::new()));
            inner = entry
                .as_table_mut()
                .ok_or_else(|| Error::setting(path[..=depth].join("."), "a value", "a table"))?;
        }
        Ok(inner.insert((*name).to_owned(), self.respelt(value)))
    }

    /// The full name of its place, which is what errors on its value call it: that of the setting that it is another
    /// spelling of, or its own.
    pub fn place(&self) -> String {
        self.path().join(".")
    }

    /// Whether a table of settings may have it: whether its `kind` there, if there is one, is one of this key's.
    pub(super) fn is_in(&self, table: &Table) -> bool {
        let mut kind = self.path();
        kind.pop();
        kind.push("kind");
        let found = kind.split_first().and_then(|(first, rest)| {
            rest.iter().try_fold(table.get(*first)?, |value, name| value.as_table()?.get(*name))
        });
        self.kinds.is_empty() || found.and_then(Value::as_str).is_none_or(|kind| self.kinds.contains(&kind))
    }

    fn path(&self) -> Vec<&'static str> {
        let (section, name) = match self.of {
            Some(of) => (Section::Method, of),
            None => (self.section, self.name),
        };
        section.name().split('.').filter(|table| !table.is_empty()).chain(name.split('.')).collect()
    }

    /// The value as its place has it.
    fn respelt(&self, value: Value) -> Value {
        match (self.of, &value) {
            (Some("arch_step"), Value::Boolean(unrolled)) => {
                Value::from(ArchStep::of_unrolled(*unrolled).name())
            }
            _ => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_lead_to_one_place() {
        let mut table = Table::new();
        let key = |section, name| Key::find(section, name).unwrap();
        let (old, new) = (key(Section::Search, "unrolled"), key(Section::Method, "arch_step"));
        assert_eq!(old.put(&mut table, Value::from(true)).unwrap(), None);
        assert_eq!(table, "[search.method]\narch_step = \"unrolled\"".parse::<Table>().unwrap());
        assert_eq!((old.value(&table), new.value(&table)), (old.value(&table), old.value(&table)));
        let replaced = new.put(&mut table, Value::from("first-order")).unwrap();
        assert_eq!(replaced, Some(Value::from("unrolled")));
        let rate = key(Section::Search, "arch_learning_rate");
        rate.put(&mut table, Value::from(0.5)).unwrap();
        assert_eq!(key(Section::Method, "alphas.learning-rate").value(&table), Some(&Value::from(0.5)));
        key(Section::Root, "seed").put(&mut table, Value::from(3)).unwrap();
        assert_eq!(table["seed"], Value::from(3));
        let mut wrong: Table = "search = 3".parse().unwrap();
        assert!(rate.put(&mut wrong, Value::from(0.5)).unwrap_err().to_string().contains("setting search"));
    }
}
