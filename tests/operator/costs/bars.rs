//! What each path may cost in calls, for the test and for the benchmark. How it is counted is in `paths`.

/// Writes of records, of own statuses and of the statuses of requests, and objects read, for each object.
///
/// Whatever binds a number to a filing reads the filing first: a view may be old, and its successor may have the number
/// by now. Whatever gives a number back reads it too. Nothing else reads.
pub const BARS: [(&str, [u64; 4]); 10] = [
    ("request", [1, 1, 0, 0]),
    ("request applied again", [0, 1, 0, 0]),
    ("draft by request", [1, 1, 1, 1]),
    ("draft submitted", [1, 1, 1, 0]),
    ("approval", [1, 1, 1, 0]),
    ("draft deleted", [1, 0, 1, 1]),
    // Its request is told twice: that the number is in use, and that it was submitted.
    ("filing by request, submitted at once", [2, 1, 2, 1]),
    ("filing by number, submitted at once", [2, 1, 2, 1]),
    ("filing by instance, submitted at once", [2, 1, 0, 0]),
    ("draft by instance", [1, 1, 0, 0]),
];
/// Writes of an instance's status for a hundred numbers of it that are issued at once.
pub const GATHERED: u64 = 10;
