// Package journalpb is the stored format of journal batches as generated code,
// for programs that read journals without package sim. Package sim itself
// writes and reads the format with its own codec; a test there holds the two
// together.
package journalpb
