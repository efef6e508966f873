package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
)

// addHelp adds what every program of commands has: help, completion, version.
func addHelp(root *cobra.Command) {
	root.SetOut(&answer{Writer: os.Stdout})
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say what a command does and which flags it has",
		Long:  "Say what a command does and which flags it has, as COMMAND --help does.",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noCommand(root, args)
			}
			return found.Help()
		},
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	completion.Short = "Write the script by which a shell completes commands and flags"
	completion.Long = completion.Short + "."
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usagef("there is no completion for %s: the shells are bash, zsh, fish and powershell", args[0])
	}
	for _, shell := range completion.Commands() {
		shell.Short = "Write the script for " + shell.Name()
		shell.Long = shell.Short + ".\n\n" + loads[shell.Name()]
		shell.Args = none
	}
}

// answer is standard output for what cobra writes, as help is, and keeps the first
// error, which cobra drops or takes for a fault of the program.
type answer struct {
	io.Writer
	err error
}

func (a *answer) Write(b []byte) (int, error) {
	n, err := a.Writer.Write(b)
	if a.err == nil {
		a.err = err
	}
	return n, err
}

// answered is what the error of a command comes to: it may be about writing.
func answered(root *cobra.Command, err error) error {
	if a, ok := root.OutOrStdout().(*answer); ok && a.err != nil && (err == nil || errors.Is(err, a.err)) {
		return written(a.err)
	}
	return err
}

// loads says how a shell loads its script.
var loads = map[string]string{
	"bash": `In this shell:    source <(mantatag completion bash)
In every shell:   mantatag completion bash >~/.local/share/bash-completion/completions/mantatag

It needs the package bash-completion.`,
	"zsh": `In this shell:    source <(mantatag completion zsh)
In every shell:   mantatag completion zsh >"${fpath[1]}/_mantatag"

It needs compinit: autoload -U compinit; compinit`,
	"fish": `In this shell:    mantatag completion fish | source
In every shell:   mantatag completion fish >~/.config/fish/completions/mantatag.fish`,
	"powershell": `In this shell:    mantatag completion powershell | Out-String | Invoke-Expression
In every shell:   put that line into the file that $PROFILE names`,
}

// group is for a command that only has others: it shows its help.
func group(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return noCommand(cmd, args)
	}
	return cmd.Help()
}

// noCommand is the error for a command that is not there.
func noCommand(cmd *cobra.Command, args []string) error {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("there is no command %q: the nearest is %s; see %s --help", args[0], near[0], cmd.CommandPath())
	}
	return usagef("there is no command %q: see %s --help", args[0], cmd.CommandPath())
}

// none is for a command that takes no argument.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes nothing but flags and was given %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// completeValues lets a shell complete what flags and arguments take: the words
// of a choice, folders where a folder is meant, nothing where nothing is.
func completeValues(root *cobra.Command) {
	folders := map[string]bool{"job": true, "state-dir": true}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, f, folders[f.Name]) })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, f, folders[f.Name]) })
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}

func completeFlag(cmd *cobra.Command, f *pflag.Flag, folder bool) {
	var words []string
	switch v := f.Value.(type) {
	case choice:
		words = v.allowed
	case *lang.Language:
		words = strings.Split(v.Type(), "|")
	}
	// The only error is that the flag has a completion already.
	switch {
	case words != nil:
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	case folder:
		_ = cmd.MarkFlagDirname(f.Name)
	case !strings.HasSuffix(f.Name, "file") && f.Name != "output":
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
	}
}

// unquoteUsages leaves out the marks by which pflag finds the name of a flag's
// value in its usage: completion shows the usage as it is.
func unquoteUsages(root *cobra.Command) {
	unquote := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	root.PersistentFlags().VisitAll(unquote)
	root.Flags().VisitAll(unquote)
	for _, sub := range root.Commands() {
		unquoteUsages(sub)
	}
}

// completeFolders is for a command whose argument is a job's folder.
func completeFolders(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// localize says all that help says, of root and the commands below it, in a
// language.
func localize(root *cobra.Command, l *lang.Language) {
	root.SetUsageFunc(func(cmd *cobra.Command) error { return writeUsage(cmd, l) })
	root.SetVersionTemplate("mantatag " + l.Text("version") + " {{.Version}}\n")
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		cmd.Flags().Lookup("help").Usage = "show this"
		if version := cmd.Flags().Lookup("version"); version != nil {
			version.Usage = "say which version this is"
		}
		if short := cmd.Flags().Lookup("no-descriptions"); short != nil {
			short.Usage = "leave out what the completions mean"
		}
		cmd.Short, cmd.Long = l.Text(cmd.Short), l.Text(cmd.Long)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = l.Text(f.Usage) })
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}

// writeUsage writes what stands below the description of a command.
func writeUsage(cmd *cobra.Command, l *lang.Language) error {
	var b strings.Builder
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", title, strings.TrimRight(text, "\n"))
		}
	}
	line := "  " + cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = "  " + cmd.CommandPath() + " COMMAND"
	}
	section(l.Text("Usage:"), line)
	section(l.Text("Examples:"), cmd.Example)
	commands := ""
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			commands += fmt.Sprintf("  %-*s  %s\n", cmd.NamePadding(), sub.Name(), sub.Short)
		}
	}
	section(l.Text("Commands:"), commands)
	section(l.Text("Flags:"), defaults(cmd.LocalFlags().FlagUsages(), l))
	section(l.Text("Flags of every command:"), defaults(cmd.InheritedFlags().FlagUsages(), l))
	if cmd.HasAvailableSubCommands() {
		section(l.Say("%[1]s COMMAND --help says more.", cmd.CommandPath()), " ")
	}
	_, err := fmt.Fprintln(cmd.OutOrStderr(), strings.TrimSpace(b.String()))
	return err
}

// defaults says in a language the defaults that pflag puts into its lines.
func defaults(usages string, l *lang.Language) string {
	return theDefault.ReplaceAllStringFunc(usages, func(found string) string {
		return l.Say(" (default %[1]s)", theDefault.FindStringSubmatch(found)[1]) + "\n"
	})
}

var theDefault = regexp.MustCompile(` \(default ([^()]*)\)\n`)
