package io.espalier.session.cli;

import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import java.io.IOException;

/** One command: which arguments it takes, and what it does. */
abstract class Command {

    static final String STORE = "--store";
    static final String TABLE = "--table";
    static final String BUDGET = "--budget";

    /** Its options, its parameter and the notes for its help. */
    abstract Syntax syntax();

    /**
     * Does it.
     *
     * @return the exit code
     * @throws CommandException to end with a message
     * @throws io.espalier.session.StoreException whatever the store says
     * @throws OutputException if standard output fails
     * @throws IOException if anything else does
     */
    abstract int run(Arguments arguments, Shell shell) throws IOException;

    /** Opens the store to read one of its tables; the name of the table is checked before. */
    static Store openToRead(Arguments arguments, Shell shell) {
        arguments.tableName();
        return shell.stores().open(arguments.store(), StoreOptions.defaults().withReadOnly(true));
    }
}
