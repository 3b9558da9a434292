//! Runs recorded transactions on blue and on green and says what differs.
