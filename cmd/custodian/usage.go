package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exactly is [cobra.ExactArgs] with messages that name the arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(cmd, fmt.Errorf("%s is missing", names[len(args)]))
		}
		return atMost(len(names))(cmd, args)
	}
}

// atMost is [cobra.MaximumNArgs] with a message that names the argument.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(cmd, fmt.Errorf("argument %q is one too many", args[n]))
		}
		return nil
	}
}

// atLeastOne wants one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, fmt.Errorf("%s is missing", name))
		}
		return nil
	}
}

// unknownCommand refuses a command that a group does not have, naming the nearest.
func unknownCommand(group *cobra.Command, name string) error {
	text := fmt.Sprintf("unknown command %q", name)
	if near := group.SuggestionsFor(name); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %s?", near[0])
	}
	return usageError(group, errors.New(text))
}

// refuseUnknown makes a command that only holds others, or cobra made, refuse those
// that it does not hold.
func refuseUnknown(group *cobra.Command) {
	group.Args, group.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	group.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownCommand(cmd, args[0])
	}
}

// refuseUnknownHelp makes cobra's command help refuse to tell of commands that are
// not there.
func refuseUnknownHelp(help *cobra.Command) {
	help.Run = nil
	help.RunE = func(cmd *cobra.Command, args []string) error {
		about, rest, err := cmd.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return unknownCommand(about, rest[0])
		}
		about.InitDefaultHelpFlag()
		return about.Help()
	}
}

// flagError words a mistake in a flag: its name, what was wrong and what is allowed.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		reason := e.Unwrap().Error()
		if kind, known := kinds[e.GetFlag().Value.Type()]; known {
			reason = "must be " + kind
		}
		return usageError(cmd, fmt.Errorf("--%s: %s, not %q", e.GetFlag().Name, reason, e.GetValue()))
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := nearestFlag(cmd, e.GetSpecifiedName()); near != "" {
			err = fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	return usageError(cmd, err)
}

// kinds words the types of flags.
var kinds = map[string]string{
	"int":      "a whole number",
	"uint64":   "a whole number that is not negative",
	"bool":     "true or false",
	"duration": "a duration such as 30s or 5m",
}

// nearestFlag returns the flag that may be meant, "" for none.
func nearestFlag(cmd *cobra.Command, name string) string {
	// The names are told apart as those of commands are.
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	near := names.SuggestionsFor(name)
	slices.SortFunc(near, strings.Compare)
	if len(name) < 3 || len(near) == 0 {
		return ""
	}
	return near[0]
}
