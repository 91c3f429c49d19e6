//! A uid or a revision, in the place that a pointer and a length would take. What it stands for is not known here.

use std::fmt;

use uuid::Uuid;

/// A text that nearly always is a UUID or a number, as API servers give them; whatever else it is, it is kept as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Id(Form);

/// A text has one form: no two of them read the same.
#[derive(Clone, PartialEq, Eq)]
enum Form {
    Number(u64),
    Uuid(Uuid),
    Text(Box<str>),
}

impl Id {
    /// Whether it is that text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let other = Self::from(text);
        *self == other
    }

    /// The number that it is, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self.0 {
            Form::Number(number) => Some(number),
            Form::Uuid(_) | Form::Text(_) => None,
        }
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        let reads = |form: &Form| Id(form.clone()).to_string() == text;
        let number = text.parse().ok().map(Form::Number).filter(reads);
        let uuid = || Uuid::try_parse(text).ok().map(Form::Uuid).filter(reads);
        Self(number.or_else(uuid).unwrap_or_else(|| Form::Text(text.into())))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Number(number) => number.fmt(f),
            Form::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Form::Text(text) => text.fmt(f),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_takes_no_more_than_a_text_without_its_letters() {
        assert_eq!(size_of::<Option<Id>>(), size_of::<String>());
    }

    proptest! {
        #[test]
        fn it_reads_as_the_text_that_it_was_made_of(
            (one, other) in prop_oneof![
                ("[0-9+-]{0,22}", "[0-9+-]{0,22}"),
                (
                    "[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                    "(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}",
                ),
                (".{0,40}", ".{0,40}"),
            ]
        ) {
            let id = Id::from(&*one);
            prop_assert_eq!(id.to_string(), one.as_str());
            prop_assert!(id.is(&one));
            for other in [other, one.to_uppercase(), one.to_lowercase(), format!("0{one}"), format!("+{one}")] {
                prop_assert_eq!(id.is(&other), one == other);
                prop_assert_eq!(id == Id::from(&*other), one == other);
            }
        }
    }

    #[test]
    fn only_a_number_is_a_number() {
        let number = |text: &str| Id::from(text).number();
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for text in ["18446744073709551616", "07", "+7", "", "a"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
