package io.espalier.session.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * Explains a {@link Syntax} with picocli: prints its help, and says what is wrong with arguments
 * that {@link Arguments} did not take at first glance. Only loaded when one of them is needed:
 * picocli takes as long to load as a JVM to start.
 */
final class Usage {

    private static final int WIDTH_CHARS = 100;

    private final String name;
    private final Syntax syntax;
    private final CommandLine line;

    Usage(Commands command, Syntax syntax) {
        this.name = command.commandName();
        this.syntax = syntax;
        CommandSpec spec = CommandSpec.create().name("espalier " + name);
        String summary = command.summary();
        spec.usageMessage()
                .width(WIDTH_CHARS)
                .sortOptions(false)
                .description(
                        "",
                        Character.toUpperCase(summary.charAt(0)) + summary.substring(1) + ".",
                        "")
                .footer(syntax.notes().toArray(String[]::new));
        for (Syntax.Option option : syntax.options()) {
            spec.addOption(optionSpec(option));
        }
        spec.addOption(
                OptionSpec.builder("--help", "-h")
                        .type(boolean.class)
                        .arity("0")
                        .usageHelp(true)
                        .description("shows this")
                        .build());
        Syntax.Parameter parameter = syntax.parameter();
        if (parameter != null) {
            spec.addPositional(
                    PositionalParamSpec.builder()
                            .paramLabel(parameter.label())
                            .type(String.class)
                            .index("0")
                            .arity(parameter.required() ? "1" : "0..1")
                            .required(parameter.required())
                            .description(parameter.description())
                            .build());
        }
        line = new CommandLine(spec);
        // a key is what was written, also if it starts with @ or holds ${...}
        line.setExpandAtFiles(false);
        line.setInterpolateVariables(false);
    }

    private static OptionSpec optionSpec(Syntax.Option option) {
        OptionSpec.Builder builder =
                OptionSpec.builder(option.name())
                        .required(option.required())
                        .description(option.description());
        return option.label() == null
                ? builder.type(boolean.class).arity("0").build()
                : builder.type(String.class).paramLabel(option.label()).build();
    }

    /** The help of the command. */
    String help() {
        return line.getUsageMessage(Ansi.OFF);
    }

    /**
     * Parses the arguments; null if they ask for help.
     *
     * @throws CommandException saying what is wrong with them
     */
    @Nullable Arguments parse(String[] words) {
        try {
            ParseResult parsed = line.parseArgs(words);
            if (parsed.isUsageHelpRequested()) {
                return null;
            }
            Arguments arguments = new Arguments();
            for (Syntax.Option option : syntax.options()) {
                if (option.label() == null) {
                    if (parsed.hasMatchedOption(option.name())) {
                        arguments.set(option.name(), "");
                    }
                } else {
                    String value = parsed.matchedOptionValue(option.name(), (String) null);
                    if (value != null) {
                        arguments.set(option.name(), value);
                    }
                }
            }
            String parameter = parsed.matchedPositionalValue(0, (String) null);
            if (parameter != null) {
                arguments.setParameter(parameter);
            }
            return arguments;
        } catch (ParameterException e) {
            throw new CommandException(
                    ExitCode.WRONG_INPUT,
                    name
                            + ": "
                            + Shell.oneLine(e.getMessage())
                            + "; see espalier "
                            + name
                            + " --help",
                    e);
        }
    }
}
