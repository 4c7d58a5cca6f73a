//! What may come for what was asked for: each lie beside the honest list that it resembles.

use super::encode::{Item, asked};
use super::*;
use crate::flist::ListOptions;
use crate::wire::flags::entry as flag;
