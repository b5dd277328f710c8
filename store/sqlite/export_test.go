package sqlite

// OpenUnlocked opens a file beside its owner, for tests of fencing.
var OpenUnlocked = openUnlocked
