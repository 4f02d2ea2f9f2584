package io.espalier.session.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What the operating system knows of this process, read from {@code /proc} where there is one. */
final class ProcessFacts {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");
    private static final Path STANDARD_OUTPUT = Path.of("/proc/self/fd/1");
    private static final Path STANDARD_ERROR = Path.of("/proc/self/fd/2");

    private ProcessFacts() {}

    /** The most memory that the process had resident so far. */
    static OptionalLong peakResidentBytes() {
        return statusBytes("VmHWM:");
    }

    /** The memory that the process has resident now. */
    static OptionalLong residentBytes() {
        return statusBytes("VmRSS:");
    }

    private static OptionalLong statusBytes(String name) {
        try {
            return statusBytes(Files.readString(STATUS), name);
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** The value of a line such as {@code VmHWM: 1234 kB}. */
    static OptionalLong statusBytes(String status, String name) {
        for (String line : status.split("\n", -1)) {
            if (line.startsWith(name) && line.endsWith(" kB")) {
                String kibibytes = line.substring(name.length(), line.length() - 3).strip();
                return OptionalLong.of(Long.parseLong(kibibytes) << 10);
            }
        }
        return OptionalLong.empty();
    }

    /** Whether standard error is known to be a terminal that can redraw a line. */
    static boolean errIsTerminal() {
        if ("dumb".equals(System.getenv("TERM"))) {
            return false;
        }
        String target = target(STANDARD_ERROR);
        return target != null && (target.startsWith("/dev/pts/") || target.startsWith("/dev/tty"));
    }

    /** Whether standard output is a pipe or socket, whose reader may go away. */
    static boolean outIsPipe() {
        String target = target(STANDARD_OUTPUT);
        return target != null && (target.startsWith("pipe:") || target.startsWith("socket:"));
    }

    private static @Nullable String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException | UnsupportedOperationException e) {
            return null;
        }
    }

    /**
     * The arguments as UTF-8, whatever the locale: in the C locale the JVM makes {@code ?} of each
     * byte that is not ASCII, and keys would silently be others.
     */
    static String[] utf8Arguments(String[] arguments) {
        if ("UTF-8".equals(System.getProperty("sun.jnu.encoding"))) {
            return arguments;
        }
        try {
            String line = Files.readString(COMMAND_LINE, StandardCharsets.UTF_8);
            return lastOf(line, arguments);
        } catch (IOException e) {
            return arguments; // not UTF-8, or no /proc
        }
    }

    /** The last arguments of a command line whose parts end with NUL, if they can be the same. */
    static String[] lastOf(String commandLine, String[] arguments) {
        String[] parts = commandLine.split("\0", -1);
        int from = parts.length - 1 - arguments.length;
        if (from < 1) {
            return arguments;
        }
        String[] last = new String[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            last[i] = parts[from + i];
            boolean ascii = last[i].chars().allMatch(c -> c < 0x80);
            if (ascii && !last[i].equals(arguments[i])) {
                return arguments;
            }
        }
        return last;
    }
}
