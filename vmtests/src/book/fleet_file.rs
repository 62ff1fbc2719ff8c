//! Excerpts of a fleet file, as chapters have them.

use toml::{Table, Value};

/// The fleet file with an excerpt: tables are merged, and everything else takes the place of what was there. The comments
/// of both are lost.
///
/// # Errors
/// When one of them is not TOML.
pub fn merged(fleet: &str, excerpt: &str) -> anyhow::Result<String> {
    let mut whole: Table = toml::from_str(fleet)?;
    merge(&mut whole, toml::from_str(excerpt)?);
    Ok(toml::to_string(&whole)?)
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        if let (Some(Value::Table(old)), Value::Table(new)) = (into.get_mut(&key), &value) {
            merge(old, new.clone());
            continue;
        }
        into.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_merged_and_values_are_replaced() {
        let fleet = "requires = \"0.2\"\n[hosts.kai]\ninclude = [\"/etc\", \"/root\"]\npower = { nice = 1 }\n[hosts.ziz]\n";
        let excerpt =
            "[hosts.kai]\ninclude = [\"/srv\"]\n[hosts.kai.power]\nidle-io = true\n[nfs]\nmount = \"/mnt\"\n";
        let expected = "requires = \"0.2\"\n[nfs]\nmount = \"/mnt\"\n[hosts.ziz]\n[hosts.kai]\ninclude = [\"/srv\"]\n\
                        power = { nice = 1, idle-io = true }\n";
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        assert_eq!(table(&merged(fleet, excerpt).unwrap()), table(expected));
    }

    #[test]
    fn a_table_takes_the_place_of_a_value() {
        let merged = merged("a = 1\n", "[a]\nb = 2\n").unwrap();
        assert_eq!(merged.trim(), "[a]\nb = 2");
    }
}
