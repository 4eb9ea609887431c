//! Plugins that are asked, and what becomes of their answers.
