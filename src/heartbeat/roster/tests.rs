//! With the clock in the hand.
