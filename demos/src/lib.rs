//! Programs and tests of joinq-flow that kill processes or need other tools.
