package io.espalier.memory;

/**
 * The slot sizes that the reservation is carved into: powers of two from 64 bytes to a page, then
 * eight steps for each doubling, always whole pages. From eight pages on, a slot is thus at most
 * one eighth larger than the pages that were asked for, and since pages are backed only when
 * touched, the rest costs address space alone.
 */
final class SizeClasses {

    static final int PAGE_BITS = 12;
    static final long PAGE_BYTES = 1L << PAGE_BITS;

    private static final int SMALL_MIN_BITS = 6;
    private static final int SMALL_COUNT = PAGE_BITS - SMALL_MIN_BITS;
    private static final int STEP_BITS = 3;
    private static final int STEPS = 1 << STEP_BITS;

    /** The largest slot: 4 TiB. */
    static final int MAX_BITS = 42;

    static final int COUNT = SMALL_COUNT + STEPS + (MAX_BITS - PAGE_BITS - STEP_BITS) * STEPS;

    private SizeClasses() {}

    static long pagesUp(long bytes) {
        return (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
    }

    static boolean isSmall(int sizeClass) {
        return sizeClass < SMALL_COUNT;
    }

    /** The smallest class whose slots hold {@code bytes}, which is positive. */
    static int of(long bytes) {
        assert bytes > 0 && bytes <= 1L << MAX_BITS : bytes;
        if (bytes <= PAGE_BYTES / 2) {
            int bits = Math.max(SMALL_MIN_BITS, 64 - Long.numberOfLeadingZeros(bytes - 1));
            return bits - SMALL_MIN_BITS;
        }
        long pages = pagesUp(bytes) >>> PAGE_BITS;
        if (pages <= STEPS) {
            return SMALL_COUNT + (int) pages - 1;
        }
        // 2^k < pages <= 2^(k+1), in steps of 2^(k-3)
        int k = 63 - Long.numberOfLeadingZeros(pages - 1);
        long step = (pages - 1 - (1L << k)) >>> (k - STEP_BITS);
        return SMALL_COUNT + STEPS + (k - STEP_BITS) * STEPS + (int) step;
    }

    /** The size in bytes of the slots of a class. */
    static long slotBytes(int sizeClass) {
        if (sizeClass < SMALL_COUNT) {
            return 1L << (sizeClass + SMALL_MIN_BITS);
        }
        int index = sizeClass - SMALL_COUNT;
        if (index < STEPS) {
            return (index + 1L) << PAGE_BITS;
        }
        int k = (index - STEPS) / STEPS + STEP_BITS;
        long step = (index - STEPS) % STEPS + 1L;
        return ((1L << k) + (step << (k - STEP_BITS))) << PAGE_BITS;
    }

    /**
     * What a lease of so many bytes counts for: its whole pages, or its slot when that is small.
     */
    static long accountedBytes(int sizeClass, long sizeBytes) {
        return isSmall(sizeClass) ? slotBytes(sizeClass) : pagesUp(sizeBytes);
    }
}
