package io.espalier.jmh;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the lines of a table go: to a stream as soon as they are there, and into a JSON file at the
 * end.
 */
final class Report {

    /** One line of a table. */
    interface Line {
        /** As text, in the columns of its heading. */
        String line();

        /** As a JSON object. */
        String json();
    }

    private final PrintStream out;
    private final @Nullable Path json;
    private final List<Line> lines = new ArrayList<>();

    /** Makes sure that the file can be written: before some minutes are spent, not after. */
    Report(PrintStream out, @Nullable Path json) throws IOException {
        this.out = out;
        this.json = json;
        if (json != null) {
            Files.writeString(json, "[]\n");
        }
    }

    /**
     * Prints what was measured on, and the heading. Says what the machine is like, not which one it
     * is.
     */
    void start(String what, String heading) {
        out.println(what + "; " + Machine.facts());
        out.println(heading);
        out.flush();
    }

    /** Prints a line and keeps it for the file. */
    void add(Line line) {
        out.println(line.line());
        out.flush();
        lines.add(line);
    }

    /** Prints a remark that is no line of the table. */
    void remark(String text) {
        out.println(text);
        out.flush();
    }

    /** Writes the file. */
    void finish() throws IOException {
        if (json != null) {
            Files.writeString(
                    json,
                    "[\n" + String.join(",\n", lines.stream().map(Line::json).toList()) + "\n]\n");
        }
    }
}
