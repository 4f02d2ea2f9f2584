package io.espalier.pager;

/**
 * A pager as management tools see it: the parts of its {@link SpillStats}, each read anew, as
 * composite data whose items are named like the components of the records. See {@link
 * Pager#register}.
 */
public interface PagerMXBean {

    /** The budget. */
    SpillStats.Budget getBudget();

    /** What the images hold. */
    SpillStats.Images getImages();

    /** What was written. */
    SpillStats.PagedOut getPagedOut();

    /** What was read back. */
    SpillStats.PagedIn getPagedIn();

    /** What was decided. */
    SpillStats.Policy getPolicy();

    /** The threads that write behind those who adopt. */
    SpillStats.Writers getWriters();

    /** What was read ahead. */
    SpillStats.Prefetch getPrefetch();

    /** The spill files. */
    SpillStats.Segments getSegments();

    /** What is mapped and can be dropped at will. */
    SpillStats.Mapped getMapped();

    /** All of it, of one moment. */
    SpillStats getStats();
}
