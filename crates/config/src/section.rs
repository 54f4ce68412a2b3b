//! How a section of the configuration is defined: once, by `section!`.

use std::ops::RangeInclusive;

use super::value::{ConfigValue, plain};

/// What there is to know about one option without its value.
#[derive(Debug, Clone)]
pub struct Key {
    /// The section it belongs to.
    pub section: &'static str,
    /// Its name within the section.
    pub name: &'static str,
    /// What it does, as lines of text.
    pub doc: &'static [&'static str],
    /// The kind of value, in words.
    pub type_name: String,
    /// The smallest and the largest value, in words.
    pub range: Option<String>,
    /// The value without any configuration, absent when the option is unset.
    pub default: Option<toml::Value>,
    /// A value to show where there is no default.
    pub example: Option<&'static str>,
}

impl Key {
    /// The name with its section, `server.listen`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable that sets it, `LINUX_API__SERVER__LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        let (section, name) = (self.section.to_uppercase(), self.name.to_uppercase());
        format!("{}{section}__{name}", super::environment::PREFIX)
    }

    /// The kind of value with its range, in words.
    #[must_use]
    pub fn kind(&self) -> String {
        match &self.range {
            Some(range) => format!("{}, {range}", self.type_name),
            None => self.type_name.clone(),
        }
    }
}

/// A value before it is read: from the file, or as text from the environment or a flag.
#[derive(Debug, Clone, Copy)]
pub enum Raw<'a> {
    /// As the file has it.
    Toml(&'a toml::Value),
    /// As the environment or a flag has it.
    Text(&'a str),
}

impl Raw<'_> {
    pub(super) fn read<T: ConfigValue>(self) -> Result<T, String> {
        match self {
            Self::Toml(value) => T::from_toml(value),
            Self::Text(text) => T::from_text(text),
        }
    }
}

/// One table of the configuration file.
pub trait Section {
    /// Its name in the file.
    fn name(&self) -> &'static str;
    /// What it is about, as lines of text.
    fn doc(&self) -> &'static [&'static str];
    /// Its options in the order of their definition.
    fn keys(&self) -> Vec<Key>;
    /// Sets one option, `None` when there is no such option.
    ///
    /// The error says what is wrong with the value, without naming the option.
    fn set(&mut self, key: &str, raw: Raw<'_>) -> Option<Result<(), String>>;
    /// The value of one option as shown to people: unset options are `None`, secrets redacted.
    fn value(&self, key: &str) -> Option<toml::Value>;
}

/// Lets a value pass that lies in the range.
pub(super) fn within<T>(value: T, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: ConfigValue + PartialOrd,
{
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(format!("must be {}", in_words(range)))
    }
}

/// A range as people say it.
pub(super) fn in_words<T: ConfigValue>(range: &RangeInclusive<T>) -> String {
    let word = |value: &T| value.to_toml().as_ref().map(plain).unwrap_or_default();
    format!("from {} to {}", word(range.start()), word(range.end()))
}

/// Defines a section: `/// doc`, `key: Type = default`, then optionally `, in range` and
/// `, example "value"`.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])+
        pub struct $section:ident in $name:literal {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:expr
                $(, in $range:expr)? $(, example $example:literal)?;
            )+
        }
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::section::Section for $section {
            fn name(&self) -> &'static str {
                $name
            }

            fn doc(&self) -> &'static [&'static str] {
                &[$($section_doc),+]
            }

            fn keys(&self) -> Vec<$crate::section::Key> {
                let defaults = Self::default();
                vec![$($crate::section::Key {
                    section: $name,
                    name: stringify!($key),
                    doc: &[$($doc),+],
                    type_name: <$type as $crate::value::ConfigValue>::type_name(),
                    range: [$($crate::section::in_words::<$type>(&($range)))?].into_iter().next(),
                    default: $crate::value::ConfigValue::to_toml(&defaults.$key),
                    example: <[&'static str]>::first(&[$($example)?]).copied(),
                }),+]
            }

            fn set(
                &mut self,
                key: &str,
                raw: $crate::section::Raw<'_>,
            ) -> Option<Result<(), String>> {
                match key {
                    $(stringify!($key) => Some(
                        raw.read::<$type>()
                            $(.and_then(|value| {
                                $crate::section::within(value, &($range))
                            }))?
                            .map(|value| self.$key = value),
                    ),)+
                    _ => None,
                }
            }

            fn value(&self, key: &str) -> Option<toml::Value> {
                match key {
                    $(stringify!($key) => {
                        $crate::value::ConfigValue::to_toml(&self.$key)
                    })+
                    _ => None,
                }
            }
        }
    };
}

/// Makes an enum the value of an option: each variant is written as its `as_str`.
macro_rules! choice_value {
    ($name:ident: $($variant:ident),+) => {
        impl $crate::value::ConfigValue for $name {
            fn type_name() -> String {
                $crate::value::one_of(&[$($name::$variant.as_str()),+])
            }

            fn from_text(text: &str) -> Result<Self, String> {
                [$($name::$variant),+]
                    .into_iter()
                    .find(|choice| choice.as_str() == text)
                    .ok_or_else(|| format!("expected {}, not {text:?}", Self::type_name()))
            }

            fn to_toml(&self) -> Option<toml::Value> {
                Some(self.as_str().into())
            }
        }
    };
}

/// Defines an option's choices: variants with the word used in the configuration.
macro_rules! choice {
    (
        $(#[$meta:meta])+
        pub enum $name:ident {
            $($(#[$variant_meta:meta])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])+ $variant,)+
        }

        impl $name {
            /// The word used in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        $crate::section::choice_value!($name: $($variant),+);
    };
}

/// Joins the sections into the whole configuration.
macro_rules! config {
    ($($(#[$meta:meta])+ $field:ident: $section:ty,)+) => {
        /// The whole configuration.
        #[derive(Debug, Clone, Default)]
        pub struct Config {
            $($(#[$meta])+ pub $field: $section,)+
        }

        impl Config {
            /// Every section, in the order of their definition.
            #[must_use]
            pub fn sections(&self) -> Vec<&dyn Section> {
                vec![$(&self.$field),+]
            }

            pub(super) fn section_mut(&mut self, name: &str) -> Option<&mut dyn Section> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use {choice, choice_value, config, section};
