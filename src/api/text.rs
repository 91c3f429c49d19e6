//! Patterns and schema pieces that several kinds share. Nothing here decides anything.

/// An account of a provider: digits at Alibaba Cloud, lower-case letters, digits and dashes elsewhere.
/// No dot, so that a ledger key made of class and account splits in one way only.
pub(super) const ACCOUNT: &str = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A provider's name as its own documents write it: `AlibabaCloud`, `TencentCloud`.
pub(super) const PROVIDER: &str = "^[A-Za-z][A-Za-z0-9]{0,62}$";
/// A region as its provider names it: `cn-hangzhou`.
pub(super) const REGION: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
/// A region, or the beginning of one and `*`.
pub(super) const REGION_PATTERN: &str = r"^[a-z][a-z0-9-]*\*?$";
/// A lower-case DNS subdomain: the name of an object.
pub(super) const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A UUID as the operator writes it.
pub(super) const UUID: &str = "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$";
/// A time, such as `2026-01-31T00:00:00+08:00`: no finer than it is read.
pub(super) const TIME: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";
