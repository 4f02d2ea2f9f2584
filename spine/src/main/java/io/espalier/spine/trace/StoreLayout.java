package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import java.io.IOException;
import java.nio.file.NotDirectoryException;
import java.util.ArrayList;
import java.util.List;

/** What is in a folder: a store, nothing, or something else; and what a crash left in a store. */
final class StoreLayout {

    /** What a folder holds. */
    enum Found {
        STORE,
        NOTHING,
        /** What the creation of a store leaves if it is cut short. It never held data. */
        UNFINISHED
    }

    private static final long FIRST_MANIFEST = 1;

    private StoreLayout() {}

    /**
     * Looks into the folder.
     *
     * @throws StoreException.NotAStore if other things are in it
     * @throws StoreException.Damaged if it is a store without its {@code STORE} file
     */
    static Found look(Disk disk) throws IOException {
        if (!disk.exists("")) {
            return Found.NOTHING;
        }
        if (disk.exists(StoreFile.NAME)) {
            return Found.STORE;
        }
        List<String> names = new ArrayList<>();
        try {
            names.addAll(disk.list(""));
        } catch (NotDirectoryException e) {
            throw new StoreException.NotAStore(
                    disk.describe(""), "a file, not the folder of a store");
        }
        names.removeIf(Names::isIgnored);
        if (names.isEmpty()) {
            return Found.NOTHING;
        }
        boolean hasBatches =
                names.contains(Names.BATCH_FOLDER + "/")
                        && !disk.list(Names.BATCH_FOLDER).isEmpty();
        boolean unfinished = !hasBatches;
        for (String name : names) {
            long manifest = ManifestFormat.fileNumber(name);
            unfinished &=
                    manifest == FIRST_MANIFEST
                            || name.equals(Names.LOCK)
                            || name.equals(StoreFile.TEMPORARY_NAME)
                            || name.equals(Names.BATCH_FOLDER + "/");
            if (manifest > FIRST_MANIFEST || (manifest == FIRST_MANIFEST && hasBatches)) {
                throw new StoreException.Damaged(
                        new Damage(
                                disk.describe(StoreFile.NAME),
                                -1,
                                "the file is missing, but "
                                        + name
                                        + " is there; restore it from a copy of the store"));
            }
        }
        if (unfinished) {
            return Found.UNFINISHED;
        }
        throw new StoreException.NotAStore(
                disk.describe(""),
                "not a store: there is no file "
                        + StoreFile.NAME
                        + ", but there is "
                        + names.getFirst()
                        + "; give the folder of a store, or a new or empty one");
    }

    /**
     * A file that is no part of the store.
     *
     * @param isOurs whether it is one of ours, to be deleted
     * @param isBatch whether it is a batch file
     */
    record Stray(String name, boolean isOurs, boolean isBatch) {}

    /**
     * What is in the folder of the batch files; folders in it end in {@code /}.
     *
     * @param state if it refers to all that is there, which is as a rule, no file is looked at
     */
    static List<String> batchNames(Disk disk, ManifestState state) throws IOException {
        if (!disk.exists(Names.BATCH_FOLDER)) {
            return List.of();
        }
        List<String> names = disk.names(Names.BATCH_FOLDER);
        for (String name : names) {
            long id = Names.batchId(name);
            if (id < 0 || !state.refersTo(id)) {
                return disk.list(Names.BATCH_FOLDER);
            }
        }
        return names;
    }

    /**
     * The files that are no part of the store: left by a crash, which are ours to delete, or put
     * there by others.
     */
    static List<Stray> strays(
            Disk disk, String manifestName, ManifestState state, List<String> batchNames)
            throws IOException {
        List<Stray> strays = new ArrayList<>();
        for (String name : disk.list("")) {
            if (name.equals(StoreFile.NAME)
                    || name.equals(Names.LOCK)
                    || name.equals(manifestName)
                    || name.equals(Names.BATCH_FOLDER + "/")
                    || name.equals(Names.COMPACTION_FOLDER + "/")
                    || Names.isIgnored(name)) {
                continue;
            }
            boolean isOurs =
                    name.equals(StoreFile.TEMPORARY_NAME) || ManifestFormat.fileNumber(name) >= 0;
            strays.add(new Stray(name, isOurs, false));
        }
        for (String name : batchNames) {
            long id = Names.batchId(name);
            if (!Names.isIgnored(name) && (id < 0 || !state.refersTo(id))) {
                strays.add(new Stray(Names.BATCH_FOLDER + "/" + name, id >= 0, id >= 0));
            }
        }
        return strays;
    }
}
