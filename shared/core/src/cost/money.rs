//! Money as whole millionths of a dollar, so that sums are exact. It must not hold a fraction, nor round twice.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of United States dollars, in millionths. Serialises as text, such as `"0.300000"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    micro_dollars: u64,
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no amount of dollars; write digits, and up to six more after a point, such as 0.30")]
pub struct MoneyError {
    text: String,
}

impl Money {
    /// Takes an amount in millionths of a dollar.
    #[must_use]
    pub const fn of_micro_dollars(micro_dollars: u64) -> Self {
        Self { micro_dollars }
    }

    /// Returns the amount in millionths of a dollar.
    #[must_use]
    pub const fn micro_dollars(self) -> u64 {
        self.micro_dollars
    }

    /// Writes the amount in cents, rounded half up; a smaller one, which is not nothing, as less than a cent.
    #[must_use]
    pub fn in_cents(self) -> String {
        let cents = self.micro_dollars.saturating_add(5_000) / 10_000;
        if cents == 0 && self.micro_dollars > 0 { "< $0.01".to_owned() } else { format!("${}.{:02}", cents / 100, cents % 100) }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.micro_dollars / 1_000_000, self.micro_dollars % 1_000_000)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError { text: text.to_owned() };
        let (dollars, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(dollars) || !are_digits(fraction) || fraction.len() > 6 {
            return Err(wrong());
        }
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        let dollars: u64 = dollars.parse().map_err(|_| wrong())?;
        let micro_dollars = dollars.checked_mul(1_000_000).and_then(|micro| micro.checked_add(millionths)).ok_or_else(wrong)?;
        Ok(Self { micro_dollars })
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { micro_dollars: self.micro_dollars.saturating_add(other.micro_dollars) }
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
