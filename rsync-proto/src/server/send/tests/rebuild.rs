//! What is sent of a file, taken by the rules of the other side, gives the file.
