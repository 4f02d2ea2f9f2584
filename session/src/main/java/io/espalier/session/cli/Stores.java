package io.espalier.session.cli;

import io.espalier.session.Problem;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.Verification;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Where stores come from: the engine, or in tests a fake. */
interface Stores {

    /** The real ones. */
    Stores ENGINE =
            new Stores() {
                @Override
                public Store open(Path directory, StoreOptions options) {
                    return Store.open(directory, options);
                }

                @Override
                public Verification verify(Path directory, Consumer<Problem> problems) {
                    return Store.verify(directory, problems);
                }
            };

    /** As {@link Store#open}. */
    Store open(Path directory, StoreOptions options);

    /** As {@link Store#verify}. */
    Verification verify(Path directory, Consumer<Problem> problems);
}
