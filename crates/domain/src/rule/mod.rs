//! What is decided, and with which changes? One pure ruling per verb family; no I/O, no clock, no chance.
