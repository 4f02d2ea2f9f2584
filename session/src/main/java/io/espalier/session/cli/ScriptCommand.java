package io.espalier.session.cli;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@code espalier debug PART FILE}: one part of the engine, fed with a script of commands. A line
 * that the part refuses is answered in the output; the script goes on.
 */
abstract class ScriptCommand extends Command {

    private static final int BUFFER_BYTES = 1 << 16;

    /** The part, as it is before the first command. */
    abstract Script script();

    /** A part of the engine that takes commands. */
    interface Script {
        /** Runs one line, which may be cut off if it is very long, and returns what it prints. */
        List<String> run(String line);
    }

    /** A syntax of one input, with what every script has in its help. */
    static Syntax syntaxOf(String... notes) {
        String[] all = new String[notes.length + 5];
        System.arraycopy(notes, 0, all, 0, notes.length);
        all[notes.length] = "";
        all[notes.length + 1] =
                "Empty lines and lines that begin with # are skipped. A command that is wrong, or"
                        + " that is refused,";
        all[notes.length + 2] = "prints 'error: ' and the reason, and changes nothing.";
        all[notes.length + 3] =
                "Exit codes: 0 the script was read to its end, errors are part of what it prints;"
                        + " 2 wrong usage,";
        all[notes.length + 4] = "no such file; 3 the environment failed.";
        return new Syntax()
                .parameter("FILE", true, "the script, a command a line; '-' is standard input")
                .notes(all);
    }

    @Override
    final int run(Arguments arguments, Shell shell) throws IOException {
        String name = Objects.requireNonNull(arguments.parameter());
        if (name.equals("-")) {
            run(shell.in(), "<stdin>", shell);
        } else {
            Path file = Arguments.path("FILE", name);
            try (InputStream opened = InputFiles.open(file)) {
                run(opened, name, shell);
            }
        }
        return ExitCode.DONE;
    }

    private void run(InputStream in, String inputName, Shell shell) throws IOException {
        ScriptLines lines = new ScriptLines(new BufferedInputStream(in, BUFFER_BYTES));
        OutputStream out = new BufferedOutputStream(shell.out(), BUFFER_BYTES);
        Script script = script();
        try {
            while (true) {
                String line = nextLine(lines, inputName);
                if (line == null) {
                    return;
                }
                for (String printed : script.run(line)) {
                    out.write(Shell.oneLine(printed).getBytes(StandardCharsets.UTF_8));
                    out.write('\n');
                }
                if (lines.mayBlock()) {
                    // somebody who types waits for the answer
                    out.flush();
                }
            }
        } finally {
            out.flush();
        }
    }

    private static @Nullable String nextLine(ScriptLines lines, String inputName) {
        try {
            return lines.next();
        } catch (IOException e) {
            throw InputFiles.unreadable(inputName, e);
        }
    }
}
