package io.espalier.session.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** Where the {@code espalier} command starts. */
public final class Main {
    private Main() {}

    /**
     * Runs one command.
     *
     * @param args the command and its options
     * @throws IOException if the version cannot be read
     */
    public static void main(String[] args) throws IOException {
        if (args.length == 1 && args[0].equals("--version")) {
            Properties build = new Properties();
            try (InputStream in = Main.class.getResourceAsStream("version.properties")) {
                if (in != null) build.load(in);
            }
            System.out.println("espalier " + build.getProperty("version", "(unknown version)"));
            return;
        }
        System.err.println("espalier: unknown command");
        System.exit(2);
    }
}
