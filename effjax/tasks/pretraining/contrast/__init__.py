"""Views of an image agree, views of others do not: MoCo v1 to v3, with prototypes PCL."""
