package io.espalier.jmh;

import java.io.IOException;
import java.io.PrintStream;

/** One benchmark of the command line, by its name. */
interface Bench {

    /** How it is called. */
    String name();

    /** Its options, as they follow the name: {@code [--updates N]}. */
    String synopsis();

    /** What it does and what its options mean, in whole lines. */
    String help();

    /**
     * Reads its options, runs and prints its table. Nothing is printed or run if this throws {@link
     * UsageException}.
     *
     * @param arguments what follows the name
     */
    void run(Arguments arguments, PrintStream out) throws UsageException, IOException;
}
