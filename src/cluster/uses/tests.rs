//! The rules of discovery, on the recorded cluster and on objects made for a rule.
