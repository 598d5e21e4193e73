//! From where do users come?
