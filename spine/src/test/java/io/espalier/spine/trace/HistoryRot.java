package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.pager.Pager;
import io.espalier.spine.disk.Happened;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Bits that change in a simulated store while it is closed. */
final class HistoryRot {

    private final TraceHistory history;
    private final Pager pager;
    private final Random random;
    private final Tally tally;

    // since the last opening that came to its end
    private boolean powerLost;
    private long refusalsBefore;

    HistoryRot(TraceHistory history, Pager pager, Random random, Tally tally) {
        this.history = history;
        this.pager = pager;
        this.random = random;
        this.tally = tally;
    }

    /** The store was opened: all that it shows is synced. */
    void opened() {
        powerLost = false;
        refusalsBefore = refusals();
    }

    void powerLost() {
        powerLost = true;
    }

    /** A bit changes while the store is closed: it is told of, or it does not matter. */
    void act() {
        TraceState state = new TraceState();
        if (!history.everOpened() || !StoreDirectory.verify(history.disk, state).isWhole()) {
            return;
        }
        List<String> names =
                history.disk.files().stream()
                        .filter(name -> history.disk.bytes(name).length > 0)
                        .toList();
        String name = names.get(random.nextInt(names.size()));
        int offset = random.nextInt(history.disk.bytes(name).length);
        int mask = 1 << random.nextInt(8);
        history.disk.rot(name, offset, mask);
        boolean isRead =
                name.equals(StoreFile.NAME)
                        || (name.startsWith(Names.BATCH_FOLDER + "/")
                                && state.refersTo(
                                        Names.batchId(
                                                name.substring(Names.BATCH_FOLDER.length() + 1))));
        boolean told = false;
        try {
            told = !TraceStore.verify(history.disk, pager, damage -> {}).isWhole();
        } catch (StoreException.NotAStore | StoreException.NewerFormat e) {
            // its first words
            told = true;
        }
        String what = "a bit of " + name + " at " + offset;
        assertTrue(told || !isRead, () -> what + " changed, and nobody says so");
        tally.add(told ? "rot found" : "rot that does not matter", 1);
        boolean refused = false;
        try (TraceStore rotten = history.openReadOnly()) {
            // what can be read is right, and what cannot says so
            int epochs = history.visibleIn(rotten);
            if (rotten.upper() == epochs - 1 && isUnvouched(name)) {
                epochs--;
                tally.add("rot taken for a torn end", 1);
            }
            try {
                history.checkContents(rotten, epochs, true);
            } catch (StoreException.Damaged e) {
                refused = true;
            }
        } catch (StoreException.Damaged | StoreException.NotAStore | StoreException.NewerFormat e) {
            refused = true;
        }
        assertTrue(told || !refused, () -> what + " cannot be read, but verify finds it whole");
        history.disk.rot(name, offset, mask);
    }

    /**
     * The last record of a manifest is vouched for by what follows it, which is synced with the
     * next record only: if that was lost, nobody can tell rot in it from a write that was torn. One
     * sync for a commit does not buy more.
     */
    private boolean isUnvouched(String name) {
        return ManifestFormat.fileNumber(name) >= 0 && (powerLost || refusals() > refusalsBefore);
    }

    /** How often the disk refused something. */
    private long refusals() {
        Map<Happened, Long> happened = history.disk.happened();
        return happened.getOrDefault(Happened.FULL, 0L)
                + happened.getOrDefault(Happened.DENIED, 0L)
                + happened.getOrDefault(Happened.SYNC_FAILED, 0L);
    }
}
