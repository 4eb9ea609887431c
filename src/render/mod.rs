//! Tables and pages for a person, made from facts.
