//! Percentages.

use std::fmt;

use serde::Deserialize;

use crate::model::Refusal;

/// A whole number of hundredths, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent(u8);

impl Percent {
    /// The number of hundredths, at most 100.
    #[must_use]
    pub const fn new(hundredths: u8) -> Self {
        Self(if hundredths > 100 { 100 } else { hundredths })
    }

    /// How many hundredths.
    #[must_use]
    pub(crate) const fn hundredths(self) -> u8 {
        self.0
    }
}

impl TryFrom<String> for Percent {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.strip_suffix('%').map(str::trim_end);
        let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number
            .and_then(|number| number.parse().ok())
            .filter(|number| *number <= 100);
        number.map(Self).ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a percentage"),
                "write a whole number from 0 to 100 and `%`, such as `10%`",
            )
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_written_as_they_are_read() {
        for text in ["0%", "10%", "100%"] {
            assert_eq!(Percent::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "%", "10", "101%", "-1%", "1.5%", "+1%"] {
            assert!(Percent::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
