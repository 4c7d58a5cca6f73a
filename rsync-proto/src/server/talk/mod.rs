//! Connections: from the greeting to the terms of a transfer, and bytes in both directions.
