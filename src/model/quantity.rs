//! Sizes of files and rates of transfer, each with its unit.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::Refusal;

/// A number of KiB, MiB, GiB or TiB, as restic counts: its `1G` is 1 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSize {
    number: u32,
    unit: char,
}

/// A rate of transfer: whole KiB/s, which restic's `--limit-upload` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    kibibytes: u32,
}

const FILE_SIZES: &str = "write a whole number and a unit, such as `512 MiB` or `1 GiB`";
const RATES: &str = "write a whole number and a unit, such as `512 KiB/s` or `20 MiB/s`";

impl FileSize {
    /// The size as restic's `--exclude-larger-than` takes it: `512M`.
    #[must_use]
    pub(crate) fn for_restic(self) -> String {
        format!("{}{}", self.number, self.unit)
    }
}

impl Rate {
    /// The rate in KiB/s.
    #[must_use]
    pub const fn kibibytes(self) -> u32 {
        self.kibibytes
    }
}

impl TryFrom<String> for FileSize {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let refusal = |hint: &str| Refusal::new(format!("`{text}` is not a file size"), hint);
        let (number, unit) = number_and_unit(&text);
        let Some(number) = number else {
            return Err(refusal(FILE_SIZES));
        };
        if number == 0 {
            return Err(Refusal::new(
                format!("`{text}` would exclude every file that is not empty"),
                FILE_SIZES,
            ));
        }
        let unit = match unit {
            "k" | "K" | "KiB" => 'K',
            "m" | "M" | "MiB" => 'M',
            "g" | "G" | "GiB" => 'G',
            "t" | "T" | "TiB" => 'T',
            "" => {
                return Err(refusal(&format!(
                    "add a unit, such as `{number} KiB` or `{number} MiB`: restic reads a number alone as bytes"
                )));
            }
            "kB" | "KB" | "MB" | "GB" | "TB" => {
                let letter = unit.get(..1).unwrap_or_default().to_ascii_uppercase();
                return Err(refusal(&format!(
                    "write `{number} {letter}iB`: restic counts in powers of 1024, and `{unit}` is a power of 1000"
                )));
            }
            _ => return Err(refusal(FILE_SIZES)),
        };
        // restic counts bytes in 63 bits.
        if unit == 'T' && number >= 1 << 23 {
            return Err(refusal("remove this key: no file is that large"));
        }
        Ok(Self { number, unit })
    }
}

impl TryFrom<String> for Rate {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let refusal = |hint: &str| Refusal::new(format!("`{text}` is not a transfer rate"), hint);
        let (number, unit) = number_and_unit(&text);
        let Some(number) = number else {
            return Err(refusal(RATES));
        };
        if number == 0 {
            return Err(Refusal::new(
                format!("`{text}` would transfer nothing"),
                "remove this key to set no limit",
            ));
        }
        let factor = match unit {
            "KiB/s" => 1,
            "MiB/s" => 1 << 10,
            "GiB/s" => 1 << 20,
            "" => return Err(refusal(&without_unit(number.into()))),
            _ if unit.to_ascii_lowercase().contains("bit") || unit.ends_with("bps") => {
                return Err(refusal(
                    "write the rate in bytes, of 8 bits each: 8 Mbit/s is `976 KiB/s`",
                ));
            }
            _ => return Err(refusal(RATES)),
        };
        let kibibytes = number
            .checked_mul(factor)
            .filter(|rate| i32::try_from(*rate).is_ok())
            .ok_or_else(|| refusal("remove this key to set no limit: no disk is that fast"))?;
        Ok(Self { kibibytes })
    }
}

fn without_unit(number: i64) -> String {
    format!("write `{number} KiB/s`: restic counts `--limit-upload` and `--limit-download` in KiB/s")
}

/// A whole number, and what stands behind it and its white space.
fn number_and_unit(text: &str) -> (Option<u32>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    (number.parse().ok(), unit.trim_start())
}

impl fmt::Display for FileSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}iB", self.number, self.unit)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kibibytes {
            rate if rate.is_multiple_of(1 << 10) => write!(formatter, "{} MiB/s", rate >> 10),
            rate => write!(formatter, "{rate} KiB/s"),
        }
    }
}

/// A text, or a number in its place, which lacks its unit.
struct WithUnit(fn(i64) -> Refusal);

impl Visitor<'_> for WithUnit {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Err(E::custom(self.0(number)))
    }
}

impl<'de> Deserialize<'de> for FileSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let without_unit = |number| {
            let hint = format!("add a unit, such as \"{number} MiB\": restic reads a number alone as bytes");
            Refusal::new(format!("`{number}` has no unit"), hint)
        };
        let text = deserializer.deserialize_any(WithUnit(without_unit))?;
        Self::try_from(text).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refusal = |number| Refusal::new(format!("`{number}` has no unit"), without_unit(number));
        let text = deserializer.deserialize_any(WithUnit(refusal))?;
        Self::try_from(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_a_file_is_counted_in_powers_of_1024() {
        for (text, restic) in [
            ("1G", "1G"),
            ("1 GiB", "1G"),
            ("512 MiB", "512M"),
            ("100k", "100K"),
            ("8388607 TiB", "8388607T"),
        ] {
            let size = FileSize::try_from(text.to_owned()).map(FileSize::for_restic);
            assert_eq!(size.as_deref(), Ok(restic), "{text}");
        }
        for (text, hint) in [
            ("1000", "add a unit, such as `1000 KiB`"),
            ("1 GB", "write `1 GiB`"),
            ("2kB", "write `2 KiB`"),
            ("1.5G", FILE_SIZES),
            ("-1G", FILE_SIZES),
            ("0 MiB", FILE_SIZES),
            ("1 Gib", FILE_SIZES),
            ("", FILE_SIZES),
            ("8388608 TiB", "remove this key"),
        ] {
            let shown = FileSize::try_from(text.to_owned()).unwrap_err().hint;
            assert!(shown.contains(hint), "{text}: {shown}");
        }
    }

    #[test]
    fn restic_gets_a_rate_of_transfer_in_kibibytes() {
        let rate = |text: &str| Rate::try_from(text.to_owned());
        assert_eq!(rate("512 KiB/s").map(Rate::kibibytes), Ok(512));
        assert_eq!(rate("20MiB/s").map(Rate::kibibytes), Ok(20_480));
        assert_eq!(
            rate("1 GiB/s").map(|rate| rate.to_string()).as_deref(),
            Ok("1024 MiB/s")
        );
        for (text, hint) in [
            ("512", "write `512 KiB/s`"),
            ("8 Mbit/s", "8 bits each"),
            ("8 Mbps", "8 bits each"),
            ("20 MB/s", RATES),
            ("20 MiB", RATES),
            ("0 KiB/s", "remove this key"),
            ("4000000 GiB/s", "remove this key"),
        ] {
            let shown = rate(text).unwrap_err().hint;
            assert!(shown.contains(hint), "{text}: {shown}");
        }
    }
}
