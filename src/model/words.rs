//! Enums of words: a fixed list of values, each with its word in the fleet file or in a record.

/// An enum whose values have a word each. One list gives the enum, `ALL` and the words, so none of them can lack a value.
/// `$word` is the name of the method that returns the word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $word:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// All of them, in this order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// Its word.
            #[must_use]
            pub const fn $word(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }

            /// The value with this word.
            #[must_use]
            pub fn of_word(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.$word() == text)
            }
        }
    };
}
pub(crate) use words;

/// Words for a hint, each in backticks: `` `a`, `b` or `c` ``.
pub(crate) fn listed(words: impl IntoIterator<Item = &'static str>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() {
        return last;
    }
    format!("{} or {last}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_word_of_a_list_stands_behind_or() {
        for (words, expected) in [
            (&["a"][..], "`a`"),
            (&["a", "b"], "`a` or `b`"),
            (&["a", "b", "c"], "`a`, `b` or `c`"),
        ] {
            assert_eq!(listed(words.iter().copied()), expected);
        }
    }
}
