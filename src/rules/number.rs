//! Service numbers as users write them. Making one needs randomness, which is not here.

/// A number as the ledger writes it, from any UUID shape in any case; `None` when it is no UUID.
///
/// The version is not looked at: the provider's own example has none (domain facts, "Number format").
#[must_use]
pub fn normalize(input: &str) -> Option<String> {
    let mut groups = input.split('-');
    let shaped = [8, 4, 4, 4, 12].into_iter().all(|length| {
        groups.next().is_some_and(|g| g.len() == length && g.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    (shaped && groups.next().is_none()).then(|| input.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn any_case_and_any_version_is_the_same_number() {
        let lower = "32a43232-a888-88e8-b9ec-00888be80000";
        assert_eq!(normalize(&lower.to_uppercase()).as_deref(), Some(lower));
        assert_eq!(normalize(lower).as_deref(), Some(lower));
    }

    #[test]
    fn other_shapes_are_no_numbers() {
        for bad in [
            "",
            "-",
            "32a43232a88888e8b9ec00888be80000",
            "32a43232-a888-88e8-b9ec-00888be8000g",
            "32a43232-a888-88e8-b9ec-00888be80000-",
            "32a43232-a888-88e8-b9ec-00888be8000",
            "浙ICP备11012345号-1",
        ] {
            assert_eq!(normalize(bad), None, "{bad}");
        }
    }
}
