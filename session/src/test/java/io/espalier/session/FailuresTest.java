package io.espalier.session;

import static io.espalier.session.Cursors.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.pager.SpillException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong below is told in the words of this floor. */
class FailuresTest {

    @TempDir Path folder;

    @Test
    void whatTheSystemRefusesIsAFailureOfTheStore() {
        // fails if an exception of a floor below, or a cause without words, comes through
        RuntimeException io = Failures.of(new UncheckedIOException(new IOException("device lost")));
        assertInstanceOf(StoreException.Failed.class, io);
        assertTrue(io.getMessage().contains("device lost"));
        RuntimeException fault = Failures.of(new InternalError("a fault occurred"));
        assertInstanceOf(StoreException.Damaged.class, fault);
        assertTrue(fault.getMessage().contains("verify"));
        RuntimeException misuse = new IllegalStateException("misuse");
        assertSame(misuse, Failures.of(misuse));
    }

    @Test
    void spillingFailsForItsOwnReason() throws IOException {
        // fails if every failure to spill is called a full disk, or a commit after it is not whole
        try (Store store =
                Store.open(
                        folder,
                        StoreOptions.defaults().withCreate(true).withBudgetBytes(1 << 20))) {
            // where spill files are to be made there is a file
            Files.createFile(folder.resolve(".spill"));
            byte[] value = new byte[100_000];
            new Random(1).nextBytes(value);
            int taken = 0;
            StoreException refused = null;
            while (refused == null && taken < 10_000) {
                // equal values would take no room
                value[0] = (byte) taken;
                value[1] = (byte) (taken >> 8);
                try {
                    store.table().put(bytes("key" + taken), value);
                    taken++;
                } catch (StoreException e) {
                    refused = e;
                }
            }
            assertInstanceOf(StoreException.Failed.class, refused);
            assertInstanceOf(SpillException.class, refused.getCause());
            assertThrows(StoreException.class, store::commit);
            assertEquals(0, store.epoch());
            Files.delete(folder.resolve(".spill"));
            assertEquals(1, store.commit());
            assertEquals(taken, Cursors.rows(store.table(), 1).size());
        }
    }
}
