package io.espalier.session;

/**
 * How to open a store.
 *
 * @param create whether an absent store is made; otherwise it is {@link StoreException.Absent}
 * @param readOnly whether the store is only read: nothing is written, and what is seen is the last
 *     epoch that was committed. Others may read it at the same time; writers are kept out, and a
 *     writer keeps readers out. Excludes {@code create}
 * @param budgetBytes how many native bytes may be resident before cold ones are paged out
 * @param historyEpochs how many epochs before the last one stay distinguishable, for {@code scan}
 *     as of an epoch and for {@code changes} since one; {@link #HISTORY_ALL} keeps them all. Takes
 *     effect on a table with each commit that writes to it; what is older is folded as compaction
 *     comes by
 * @param managed whether the store's pager is shown to management tools while it is open, as {@code
 *     io.espalier:type=Pager,name=} and the store's folder; see {@link
 *     io.espalier.pager.PagerMXBean}
 */
public record StoreOptions(
        boolean create, boolean readOnly, long budgetBytes, long historyEpochs, boolean managed) {

    /** The budget if none is given: 64 MiB. */
    public static final long BUDGET_BYTES_DEFAULT = 64L << 20;

    /** Every epoch stays distinguishable. */
    public static final long HISTORY_ALL = Long.MAX_VALUE;

    public StoreOptions {
        if (create && readOnly) {
            throw new IllegalArgumentException("a store that is only read cannot be created");
        }
        if (budgetBytes < Limits.BUDGET_BYTES_MIN) {
            throw new IllegalArgumentException(
                    "a budget of "
                            + budgetBytes
                            + " bytes is too small, at least "
                            + Limits.BUDGET_BYTES_MIN
                            + " are needed");
        }
        if (historyEpochs < 0) {
            throw new IllegalArgumentException(
                    "a history of " + historyEpochs + " epochs is not possible");
        }
    }

    /** An existing store, to be read and written, with the default budget and all history. */
    public static StoreOptions defaults() {
        return new StoreOptions(false, false, BUDGET_BYTES_DEFAULT, HISTORY_ALL, false);
    }

    /** The same, but an absent store is made, or is not. */
    public StoreOptions withCreate(boolean create) {
        return new StoreOptions(create, readOnly, budgetBytes, historyEpochs, managed);
    }

    /** The same, but only for reading, or not. */
    public StoreOptions withReadOnly(boolean readOnly) {
        return new StoreOptions(create, readOnly, budgetBytes, historyEpochs, managed);
    }

    /** The same with another budget. */
    public StoreOptions withBudgetBytes(long budgetBytes) {
        return new StoreOptions(create, readOnly, budgetBytes, historyEpochs, managed);
    }

    /** The same with another length of history. */
    public StoreOptions withHistoryEpochs(long historyEpochs) {
        return new StoreOptions(create, readOnly, budgetBytes, historyEpochs, managed);
    }

    /** The same, but shown to management tools, or not. */
    public StoreOptions withManaged(boolean managed) {
        return new StoreOptions(create, readOnly, budgetBytes, historyEpochs, managed);
    }
}
