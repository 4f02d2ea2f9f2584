package io.espalier.session.cli;

import io.espalier.memory.OutOfNativeMemoryException;
import io.espalier.session.StoreException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * The command line: from arguments to an exit code. A command that fails prints one line on
 * standard error; {@code ESPALIER_DEBUG=1} adds the stack trace.
 */
public final class Main {

    private static final String DEBUG_VARIABLE = "ESPALIER_DEBUG";

    private Main() {}

    /** Runs the command that the arguments name, and ends the process with its exit code. */
    public static void main(String[] arguments) {
        // not System.out, which swallows what goes wrong
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        PrintStream err =
                new PrintStream(
                        new FileOutputStream(FileDescriptor.err), false, StandardCharsets.UTF_8);
        Shell shell =
                Shell.of(
                        new FileInputStream(FileDescriptor.in),
                        out,
                        err,
                        ProcessFacts.outIsPipe(),
                        ProcessFacts.errIsTerminal(),
                        Stores.ENGINE);
        int exitCode = run(ProcessFacts.utf8Arguments(arguments), shell);
        System.exit(exitCode);
    }

    /**
     * Runs the command that the arguments name, over the given streams, which stay open.
     *
     * @return the exit code: 0 done, 1 the answer is no, 2 wrong usage or input, 3 the environment
     *     failed
     */
    public static int run(String[] arguments, InputStream in, OutputStream out, OutputStream err) {
        PrintStream messages = new PrintStream(err, false, StandardCharsets.UTF_8);
        return run(arguments, Shell.of(in, out, messages, Stores.ENGINE));
    }

    static int run(String[] arguments, Shell shell) {
        try {
            return dispatch(arguments, shell);
        } catch (CommandException e) {
            return fail(shell, e.exitCode(), e.getMessage(), e);
        } catch (StoreException e) {
            return fail(shell, Failures.exitCode(e), e.getMessage(), e);
        } catch (OutputException e) {
            if (Failures.isBrokenPipe(e, shell)) {
                return ExitCode.DONE; // the reader has seen enough
            }
            return fail(
                    shell,
                    ExitCode.ENVIRONMENT,
                    "standard output cannot be written: " + Failures.reason(e),
                    e);
        } catch (IOException e) {
            return fail(shell, ExitCode.ENVIRONMENT, Failures.reason(e), e);
        } catch (OutOfNativeMemoryException e) {
            return fail(shell, ExitCode.ENVIRONMENT, e.getMessage(), e);
        } catch (OutOfMemoryError e) {
            return fail(
                    shell,
                    ExitCode.ENVIRONMENT,
                    "the Java heap is full; give it more, such as JAVA_TOOL_OPTIONS=-Xmx256m",
                    e);
        } catch (RuntimeException | Error e) {
            return fail(
                    shell,
                    ExitCode.ENVIRONMENT,
                    "internal error: "
                            + e
                            + "; set "
                            + DEBUG_VARIABLE
                            + "=1 for the stack trace, and please report it",
                    e);
        }
    }

    private static int fail(Shell shell, int exitCode, @Nullable String message, Throwable cause) {
        shell.say(Shell.oneLine(message));
        if ("1".equals(System.getenv(DEBUG_VARIABLE))) {
            cause.printStackTrace(shell.err());
            shell.err().flush();
        }
        return exitCode;
    }

    private static int dispatch(String[] arguments, Shell shell) throws IOException {
        String name = arguments.length == 0 ? "" : arguments[0];
        return switch (name) {
            case "" -> throw Arguments.wrong("no command; espalier --help lists them");
            case "--help", "-h", "help" -> help(arguments, shell);
            case "--version", "-V" -> version(shell);
            case Commands.DEBUG -> debug(arguments, shell);
            case "bench" ->
                    throw Arguments.wrong("bench is started by the launcher: ./espalier bench");
            default -> run(named(name), Arrays.copyOfRange(arguments, 1, arguments.length), shell);
        };
    }

    private static Commands named(String name) {
        Commands command = name.contains(" ") ? null : Commands.named(name);
        if (command == null) {
            throw Arguments.wrong(unknownCommand(name));
        }
        return command;
    }

    private static int run(Commands named, String[] arguments, Shell shell) throws IOException {
        Command command = named.create();
        Syntax syntax = command.syntax();
        Arguments parsed = Arguments.parse(syntax, arguments);
        if (parsed == null) {
            Usage usage = new Usage(named, syntax);
            parsed = usage.parse(arguments);
            if (parsed == null) {
                shell.print(usage.help());
                return ExitCode.DONE;
            }
        }
        return command.run(parsed, shell);
    }

    /** {@code debug PART ...}: the command of a part, or which parts there are. */
    private static int debug(String[] arguments, Shell shell) throws IOException {
        String part = arguments.length == 1 ? "" : arguments[1];
        if (part.equals("--help") || part.equals("-h")) {
            shell.print(debugHelp());
            return ExitCode.DONE;
        }
        Commands command = Commands.named(Commands.DEBUG + " " + part);
        if (command == null) {
            throw Arguments.wrong(
                    (part.isEmpty() ? "debug: no part" : "debug: there is no part '" + part + "'")
                            + "; espalier debug --help lists them");
        }
        return run(command, Arrays.copyOfRange(arguments, 2, arguments.length), shell);
    }

    private static String debugHelp() {
        TextTable parts = new TextTable("  ");
        for (Commands command : Commands.values()) {
            if (command.commandName().startsWith(Commands.DEBUG + " ")) {
                parts.row(
                        command.commandName().substring(Commands.DEBUG.length() + 1),
                        command.summary());
            }
        }
        return """
        Usage: espalier debug PART FILE

        Feeds one part of the engine a script, a command a line, and prints its state.

        Parts:
        """
                + parts
                + """

                espalier debug PART --help gives its grammar.
                """;
    }

    private static int help(String[] arguments, Shell shell) throws IOException {
        if (arguments.length > 1 && arguments[0].equals("help")) {
            String[] asked = Arrays.copyOfRange(arguments, 1, arguments.length + 1);
            asked[asked.length - 1] = "--help";
            return asked[0].equals(Commands.DEBUG)
                    ? debug(asked, shell)
                    : run(named(asked[0]), new String[] {"--help"}, shell);
        }
        TextTable commands = new TextTable("  ");
        for (Commands command : Commands.values()) {
            commands.row(command.commandName(), command.summary());
        }
        commands.row("bench", "runs the benchmarks (through the launcher)");
        shell.print(
                """
                espalier: keyed tables that change in epochs, in native memory and on disk

                Usage: espalier COMMAND --store DIR ...

                Commands:
                """
                        + commands
                        + """

                        espalier COMMAND --help says more, with examples; espalier --version says which.

                        Exit codes: 0 done; 1 the answer is no (absent key, damaged store); 2 wrong usage or
                        input; 3 the environment failed (disk full, permission, lock). ESPALIER_DEBUG=1 adds
                        stack traces to messages.

                        Examples:
                          printf 'apple\\t1\\npear\\t2\\n' | espalier upsert --store s
                          espalier get --store s apple
                          espalier scan --store s
                        """);
        return ExitCode.DONE;
    }

    private static String unknownCommand(String name) {
        StringBuilder message = new StringBuilder("there is no command '" + name + "'; there are ");
        for (Commands command : Commands.values()) {
            message.append(command.commandName()).append(", ");
        }
        return message.append("bench").toString();
    }

    private static int version(Shell shell) throws IOException {
        Properties build = new Properties();
        try (InputStream resource = Main.class.getResourceAsStream("version.properties")) {
            if (resource != null) {
                build.load(resource);
            }
            String version = build.getProperty("version", "(unknown version)");
            shell.print("espalier " + version + " (Java " + Runtime.version() + ")\n");
            return ExitCode.DONE;
        }
    }
}
