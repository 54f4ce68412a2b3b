//! Choices of the dashboard that its configuration and its code share.

use std::fmt;
use std::str::FromStr;

/// Which colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThemeName {
    /// For dark terminals.
    Default,
    /// For light terminals.
    Light,
    /// Without colours.
    Mono,
    /// Solarized, dark.
    Solarized,
    /// Gruvbox, dark.
    Gruvbox,
    /// Nord.
    Nord,
    /// Pure colours on black.
    HighContrast,
}

/// Of which time zone times are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeZone {
    /// UTC.
    #[default]
    Utc,
    /// The one of the machine on which the dashboard runs.
    Local,
    /// The one of the host that is shown, where its daemon reports it; else UTC.
    Host,
}

/// Which keys to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Arrows and vim's keys.
    Default,
    /// As in htop.
    Htop,
    /// As in btop.
    Btop,
    /// As in k9s.
    K9s,
}

macro_rules! words {
    ($name:ident: $($variant:ident = $word:literal),+) => {
        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words that choose.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("expected one of {}", Self::WORDS.join(", "))),
                }
            }
        }
    };
}

words!(ThemeName: Default = "default", Light = "light", Mono = "mono", Solarized = "solarized", Gruvbox = "gruvbox", Nord = "nord", HighContrast = "high-contrast");
words!(TimeZone: Utc = "utc", Local = "local", Host = "host");
words!(Preset: Default = "default", Htop = "htop", Btop = "btop", K9s = "k9s");
